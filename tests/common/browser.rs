//! A real browser without a window: Chromium, driven through the two pipes of its remote debugging protocol. It says
//! what a page does; what it should do is for the tests to say.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::reader::has;

/// Nothing takes so long, however busy the machine is. Nobody waits for it where all is well.
const PATIENCE: Duration = Duration::from_secs(120);

const CHROMIUM: &str = "chromium";

/// A browser with one page. It ends when this is dropped.
pub struct Browser {
    process: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// What the page said on its console, the errors that it did not catch, and what it asked the network for.
    pub complaints: Vec<String>,
    session: String,
    last_id: u64,
    _profile: TempDir,
}

impl Browser {
    /// `None` where there is no Chromium.
    ///
    /// # Panics
    /// When it does not start, or in CI where it is not there.
    pub fn open() -> Option<Self> {
        if !has(CHROMIUM, &["--version"]) {
            return None;
        }
        let profile = tempfile::tempdir().expect("there is room for a profile");
        // The protocol is spoken on file descriptors 3 and 4: a shell makes them of its own input and output.
        let mut command = Command::new("sh");
        command.args(["-c", "exec 3<&0 4>&1 </dev/null >/dev/null; exec \"$0\" \"$@\""]).arg(CHROMIUM).args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-sandbox", // It is run as root in containers, and opens nothing but our own pages.
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("a shell can be run");
        let (input, output) = (process.stdin.take(), process.stdout.take().expect("it is piped"));
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Ok(message) = message else { break };
                let message = serde_json::from_slice(&message).expect("the browser speaks JSON");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let complaints = Vec::new();
        let session = String::new();
        let mut browser = Self { process, input, messages, complaints, session, last_id: 0, _profile: profile };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": page, "flatten": true }));
        browser.session = attached["sessionId"].as_str().expect("it has a name").into();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Asks for something by the protocol, and waits for the answer.
    ///
    /// # Panics
    /// When the browser refuses, or does not answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let input = self.input.as_mut().expect("it is open until it is dropped");
        input.write_all(format!("{message}\0").as_bytes()).expect("the browser listens");
        loop {
            let answer = self.next();
            if answer["id"] == self.last_id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// The next message, noted if it is one of those that a good page never causes.
    #[track_caller]
    fn next(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE).expect("the browser answers in time");
        let parameters = &message["params"];
        let complaint = match message["method"].as_str() {
            Some("Runtime.consoleAPICalled") => Some(&parameters["args"]),
            Some("Runtime.exceptionThrown") => Some(&parameters["exceptionDetails"]),
            Some("Log.entryAdded") => Some(&parameters["entry"]),
            Some("Network.requestWillBeSent") => Some(&parameters["request"]["url"]),
            Some("Network.webSocketCreated") => Some(&parameters["url"]),
            _ => None,
        };
        self.complaints.extend(complaint.map(Value::to_string));
        message
    }

    /// Opens a file, and waits until the page says that it is ready. The request for the file itself is no complaint.
    ///
    /// # Panics
    /// When the page never is.
    #[track_caller]
    pub fn visit(&mut self, file: &Path) {
        let url = format!("file://{}", file.display());
        self.call("Page.navigate", json!({ "url": url }));
        self.until("document.readyState === 'complete' && document.URL !== 'about:blank'");
        let own = json!(url).to_string();
        self.complaints.retain(|complaint| *complaint != own);
    }

    /// What an expression of the page's own language comes to.
    ///
    /// # Panics
    /// When it throws.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// The same as text.
    ///
    /// # Panics
    /// When it throws, or is no text.
    #[track_caller]
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).into()
    }

    /// Waits until `condition` holds in the page.
    ///
    /// # Panics
    /// When it never does.
    #[track_caller]
    pub fn until(&mut self, condition: &str) {
        let end = Instant::now() + PATIENCE;
        while self.eval(condition) != json!(true) {
            assert!(Instant::now() < end, "this never came true: {condition}\n{:?}", self.complaints);
            thread::yield_now();
        }
    }

    /// Presses and releases a key, named as pages know it.
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            one if one.chars().count() == 1 => one,
            _ => "",
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        self.call("Input.dispatchKeyEvent", json!({ "type": down, "key": key, "text": text }));
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
    }

    /// Types a text, as a person who has it at hand.
    #[track_caller]
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Clicks in the middle of the element that `selector` finds first.
    ///
    /// # Panics
    /// When none is there, or it is hidden.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let place = self.eval(&format!(
            "(() => {{ const found = document.querySelector({}); if (!found) return null; \
             found.scrollIntoView({{ block: 'nearest' }}); \
             const {{ x, y, width, height }} = found.getBoundingClientRect(); \
             return width > 0 ? [x + width / 2, y + height / 2] : null; }})()",
            json!(selector)
        ));
        assert!(place.is_array(), "{selector} is not there to be clicked");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// A window of another size, in pixels of the page; a narrow one is a phone's.
    #[track_caller]
    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// What the system of a reader prefers: `light` or `dark`.
    #[track_caller]
    pub fn prefer(&mut self, scheme: &str) {
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", feature);
    }

    /// A picture of what is seen, as a WebP file in base64.
    #[track_caller]
    pub fn picture(&mut self) -> String {
        let taken = self.call("Page.captureScreenshot", json!({ "format": "webp", "quality": 90 }));
        taken["data"].as_str().expect("it is text").into()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends where nobody speaks to it any more. If it does not, it is told.
        drop(self.input.take());
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end && matches!(self.process.try_wait(), Ok(None)) {
            thread::yield_now();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
