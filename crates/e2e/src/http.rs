//! One HTTP request by `curl`, for what no registry client sends on purpose. It follows no redirect and never retries.

use serde_json::Value;

use crate::tool::Sandbox;

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, headers: Vec<(String, String)>) -> Self {
        Self {
            status,
            headers,
            body: Vec::new(),
        }
    }

    /// The first header of that name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", String::from_utf8_lossy(&self.body)))
    }

    /// The code of the first error in a body of the distribution specification's error format.
    #[must_use]
    pub fn error_code(&self) -> String {
        self.json()
            .pointer("/errors/0/code")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

/// Sends one request: `options` are curl's own.
///
/// # Panics
/// When there is no answer.
pub fn send(sandbox: &Sandbox, options: &[&str], url: &str) -> Response {
    let usual = [
        "--silent",
        "--show-error",
        "--max-time",
        "60",
        "--dump-header",
        "headers",
        "--output",
        "body",
    ];
    sandbox.write("body", "");
    sandbox.tool("curl").args(usual).args(options).args([url]).run();
    let head = String::from_utf8_lossy(&sandbox.read("headers")).into_owned();
    // Interim answers (100 Continue) come first; the last block is the answer.
    let block = head.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let mut lines = block.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line in {head:?}"));
    let pair = |line: &str| {
        line.split_once(':')
            .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
    };
    Response {
        status,
        headers: lines.filter_map(pair).collect(),
        body: sandbox.read("body"),
    }
}
