//! Who asks the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

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
        let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}");
        let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.0.get_mut().write_all(text.as_bytes()).expect("the server reads");
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
