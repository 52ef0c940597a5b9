//! A Holdfast on a bucket, and crane before it.

use holdfast_e2e::connection::Length;
use holdfast_e2e::{Data, Output, Sandbox, Server};

use crate::Bucket;

/// Both.
pub(crate) struct Client {
    pub(crate) server: Server,
    pub(crate) sandbox: Sandbox,
}

impl Client {
    /// A new one whose own storage is the bucket.
    pub(crate) fn on(bucket: &Bucket) -> Self {
        let data = Data::new().with_variables(&bucket.server.variables());
        Self::of(Server::open(data, &["--storage", &bucket.url]))
    }

    /// Signed in to a server.
    pub(crate) fn of(server: Server) -> Self {
        let client = Self {
            server,
            sandbox: Sandbox::new(),
        };
        client.server.sign_in_crane(&client.sandbox);
        client
    }

    /// The same after the server ended well, or was killed.
    pub(crate) fn restarted(self, restart: impl FnOnce(Server) -> Server) -> Self {
        let client = Self {
            server: restart(self.server),
            ..self
        };
        client.server.sign_in_crane(&client.sandbox);
        client
    }

    pub(crate) fn crane(&self, args: &[&str]) -> Output {
        self.sandbox.run("crane", args)
    }

    /// Pushes an image with one layer, and gives its reference.
    pub(crate) fn push(&self, name: &str, layer: &[u8]) -> String {
        let tar = self.sandbox.write("layer/bytes", layer);
        let folder = tar.trim_end_matches("/bytes").to_owned();
        let archive = self.sandbox.path("layer.tar");
        self.sandbox
            .run("tar", ["--create", "--file", &archive, "--directory", &folder, "bytes"]);
        let image = self.server.image(name);
        self.crane(&[
            "append",
            "--oci-empty-base",
            "--new_layer",
            &archive,
            "--new_tag",
            &image,
        ]);
        image
    }

    /// Begins an upload, and gives the path to go on at.
    pub(crate) fn begin(&self, repository: &str) -> String {
        let mut connection = self.server.connect().expect("the server listens");
        let begun = connection.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        let begun = begun.expect("it answers");
        assert_eq!(begun.status, 202);
        begun.header("location").expect("an upload has a place").to_owned()
    }

    /// Sends a chunk of an upload that begins at an offset, and gives the status.
    pub(crate) fn send(&self, path: &str, offset: usize, chunk: &[u8]) -> u16 {
        let range = format!("{offset}-{}", offset + chunk.len() - 1);
        let mut connection = self.server.connect().expect("the server listens");
        let headers = [
            ("Content-Range", range.as_str()),
            ("Content-Type", "application/octet-stream"),
        ];
        let sent = connection.ask("PATCH", path, &headers, chunk);
        sent.expect("it answers").status
    }

    /// Sends half of a chunk, and leaves it there.
    pub(crate) fn send_half(&self, path: &str, chunk: &[u8]) -> holdfast_e2e::Connection {
        let mut connection = self.server.connect().expect("the server listens");
        let begun = connection.begin("PATCH", path, &[], Length::Of(chunk.len()));
        begun
            .and_then(|()| connection.send(&chunk[..chunk.len() / 2]))
            .expect("it is read");
        connection
    }

    /// The status and the body of a request.
    pub(crate) fn ask(&self, method: &str, path: &str) -> holdfast_e2e::http::Response {
        let mut connection = self.server.connect().expect("the server listens");
        connection.ask(method, path, &[], b"").expect("it answers")
    }
}
