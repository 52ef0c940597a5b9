//! The real binary with its blobs in an object store, of each cloud that it knows.

mod client;
mod data_endpoint;
mod images;
mod refused;
mod store_down;
mod uploads;

use holdfast_testkit::object_server::ObjectServer;

/// A server of a cloud, and an empty bucket in it.
struct Bucket {
    server: ObjectServer,
    url: String,
}

impl Bucket {
    fn s3() -> Self {
        Self::on(ObjectServer::s3())
    }

    fn azure() -> Self {
        Self::on(ObjectServer::azure())
    }

    fn google() -> Self {
        Self::on(ObjectServer::google())
    }

    fn on(server: ObjectServer) -> Self {
        let url = server.url(&server.make_bucket(), None);
        Self { server, url }
    }

    /// What lies in the service's own storage account.
    fn objects(&self) -> Vec<(String, u64)> {
        self.server.objects(&self.url, "default")
    }
}
