//! Questions to a server on this machine.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A question over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    /// With what stands behind `?`.
    pub(crate) path: &'a str,
    body: Option<String>,
    key: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// What is at a path.
    pub(crate) fn get(path: &'a str) -> Self {
        Self { path, body: None, key: None }
    }

    /// JSON to a path.
    pub(crate) fn post(path: &'a str, body: &serde_json::Value) -> Self {
        Self { path, body: Some(body.to_string()), key: None }
    }

    /// The same with a bearer token.
    pub(crate) fn with_key(&self, key: &'a str) -> Self {
        Self { key: Some(key), ..self.clone() }
    }

    /// The body of a 2xx; by HTTP/1.0, so that it comes in one piece and ends with the connection.
    pub(crate) fn send(&self, address: SocketAddr) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(self.text(address).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') { Ok(body.to_owned()) } else { Err(io::Error::other(format!("status {status}"))) }
    }

    fn text(&self, address: SocketAddr) -> String {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut text = format!("{method} {} HTTP/1.0\r\nhost: {address}\r\n", self.path);
        if let Some(key) = self.key {
            text += &format!("authorization: Bearer {key}\r\n");
        }
        let body = self.body.as_deref().unwrap_or_default();
        if self.body.is_some() {
            text += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        text + "\r\n" + body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    fn ask(answer: &'static str) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // To the empty line: a connection closed with something unread is reset, and the answer lost.
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(answer.as_bytes()).unwrap();
            request[0].clone()
        });
        let body = Request::get("/openapi.json").send(address);
        assert!(served.join().unwrap().starts_with("GET /openapi.json HTTP/1.0"));
        body
    }

    #[test]
    fn only_what_went_well_has_a_body() {
        assert_eq!(ask("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap(), "{}");
        assert_eq!(ask("HTTP/1.0 201 Created\r\n\r\n{}").unwrap(), "{}");
        assert!(ask("HTTP/1.0 503 Service Unavailable\r\n\r\n{}").unwrap_err().to_string().contains("503"));
    }

    #[test]
    fn json_goes_with_its_length_and_the_key() {
        let text = Request::post("/q", &json!({"a": "ä"})).with_key("k").text("127.0.0.1:1".parse().unwrap());
        assert!(text.starts_with("POST /q HTTP/1.0\r\nhost: 127.0.0.1:1\r\nauthorization: Bearer k\r\n"), "{text}");
        assert!(text.ends_with("content-length: 10\r\n\r\n{\"a\":\"ä\"}"), "{text}");
    }
}
