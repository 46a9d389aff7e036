//! Who asks the server, and starts it as a program.

#![allow(dead_code, reason = "the benchmark uses its own part of this")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

/// A connection that is kept.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("the connection is open");
        Self(BufReader::new(stream))
    }

    /// What the server answers, if it is well.
    pub fn ask(&mut self, request: &str, body: &str) -> String {
        self.ask_for("*/*", request, body)
    }

    /// The same in a form that is asked for.
    pub fn ask_for(&mut self, accept: &str, request: &str, body: &str) -> String {
        self.send(&head(request, &format!("accept: {accept}"), body.len()));
        self.finish(body)
    }

    /// Begins to ask, and waits until the server has begun to answer: it wants to have the body then.
    pub fn begin(&mut self, request: &str, length: usize) {
        self.send(&head(request, "expect: 100-continue", length));
        let mut lines = self.0.by_ref().lines().map(|line| line.expect("the server answers"));
        assert_eq!([lines.next(), lines.next()], [Some("HTTP/1.1 100 Continue".into()), Some(String::new())]);
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the server reads");
    }

    /// Sends the body, and says what the server answers.
    pub fn finish(&mut self, body: &str) -> String {
        self.send(body);
        let (mut head, mut line, mut length) = (String::new(), String::new(), 0);
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).expect("the server answers");
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length is a number");
            }
            head += &line;
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the answer is whole");
        let body = String::from_utf8(body).expect("the server answers in UTF-8");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}{body}");
        body
    }
}

fn head(request: &str, field: &str, length: usize) -> String {
    format!("{request} HTTP/1.1\r\nhost: localhost\r\n{field}\r\ncontent-length: {length}\r\n\r\n")
}

/// A server in a process of its own, which ends with this.
pub struct Program(pub Child);

impl Program {
    /// Starts it on a free port, and asks it once it listens. It may have more arguments.
    pub fn start(program: &str, arguments: &[&str]) -> (Self, Client) {
        let mut command = Command::new(program);
        command.arg("127.0.0.1:0").args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it can be started");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it says something");
        let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        (Self(child), Client::new(address.expect("it says where it listens")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        ended.expect("it can be ended");
    }
}
