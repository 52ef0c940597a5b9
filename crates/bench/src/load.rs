//! Many connections at once from one thread, each with requests that are made one by one: what fills a server before a
//! measurement, and pushes. Where the same request is sent again and again, `generator` costs less.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::content::Image;
use crate::http::{Endpoint, Head, closing_target, header};
use crate::machine::thread_time;

/// Room for a head and a body of a few KiB in one read.
const BUFFER_BYTES: usize = 32 * 1024;

/// One worker: one connection's worth of requests, and how many things it got done.
pub(crate) type Worker = Pin<Box<dyn Future<Output = anyhow::Result<u64>>>>;

/// What a load achieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) count: u64,
    pub(crate) elapsed: Duration,
    /// Processor time of the load itself.
    pub(crate) processor: Duration,
}

impl Done {
    pub(crate) fn per_second(self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }
}

/// Runs all workers to their end on this thread.
///
/// # Errors
/// The first error of any worker; the rest are dropped with their connections.
pub(crate) fn run(workers: Vec<Worker>) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let local = LocalSet::new();
    let processor = thread_time();
    let started = Instant::now();
    let count = local.block_on(&runtime, async {
        let tasks: Vec<_> = workers.into_iter().map(tokio::task::spawn_local).collect();
        let mut count = 0;
        for task in tasks {
            count += task.await.context("a worker panicked")??;
        }
        anyhow::Ok(count)
    })?;
    Ok(Done {
        count,
        elapsed: started.elapsed(),
        processor: thread_time().saturating_sub(processor),
    })
}

/// Sends the requests that `make` builds from 0 to `count`, each once, on `connections` connections.
pub(crate) fn each(
    address: SocketAddr,
    connections: usize,
    count: u64,
    make: impl Fn(u64) -> Vec<u8> + 'static,
) -> anyhow::Result<Done> {
    let next = Rc::new(Cell::new(0));
    let make = Rc::new(make);
    let worker = |_| {
        let (next, make) = (Rc::clone(&next), Rc::clone(&make));
        Box::pin(async move {
            let mut wire = Wire::open(address).await?;
            let mut done = 0u64;
            while next.get() < count {
                let number = next.replace(next.get() + 1);
                wire.exchange(&make(number)).await?;
                done += 1;
            }
            Ok(done)
        }) as Worker
    };
    run((0..connections).map(worker).collect())
}

/// Pushes new small images into `repository` on `connections` connections for the length of `window`: for each blob a
/// POST and a PUT with the bytes, then the manifest under a tag of its own.
pub(crate) fn push_images(
    endpoint: &Endpoint,
    repository: &str,
    connections: usize,
    window: Duration,
    run_number: u64,
) -> anyhow::Result<Done> {
    let deadline = Instant::now() + window;
    let worker = |index: usize| {
        let endpoint = endpoint.clone();
        let repository = repository.to_owned();
        Box::pin(async move {
            let mut wire = Wire::open(endpoint.address).await?;
            let open = format!("/v2/{repository}/blobs/uploads/");
            let open = endpoint.request("POST", &open, "Content-Length: 0\r\n");
            let mut count = 0;
            while Instant::now() < deadline {
                let number = (index as u64) << 40 | count;
                let image = Image::unique(run_number, number);
                for blob in &image.blobs {
                    wire.exchange(&open).await?;
                    let location = wire
                        .header("location")
                        .context("an upload was opened without a Location")?;
                    let target = closing_target(location, &blob.digest);
                    let close = endpoint.request_with_body("PUT", &target, "application/octet-stream", &blob.bytes);
                    wire.exchange(&close).await?;
                }
                let target = format!("/v2/{repository}/manifests/t{run_number:x}-{number:x}");
                let put = endpoint.request_with_body("PUT", &target, Image::MEDIA_TYPE, &image.manifest);
                wire.exchange(&put).await?;
                count += 1;
            }
            Ok(count)
        }) as Worker
    };
    run((0..connections).map(worker).collect())
}

/// One keep-alive connection.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    head_bytes: usize,
}

impl Wire {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
            head_bytes: 0,
        })
    }

    /// Sends `request` and reads the answer; its body is dropped.
    ///
    /// # Errors
    /// Any status but a 2xx, with what the server said.
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read_at(filled).await?;
            if let Some(head) = Head::parse(&self.buffer[..filled])? {
                break head;
            }
        };
        self.head_bytes = head.head_bytes;
        if !head.is_success() {
            return Err(self.refusal(request, head, filled));
        }
        let mut missing = head.body_bytes.saturating_sub((filled - head.head_bytes) as u64);
        while missing > 0 {
            missing = missing.saturating_sub(self.read_at(head.head_bytes).await? as u64);
        }
        Ok(())
    }

    /// A header of the last answer.
    fn header(&self, name: &str) -> Option<&str> {
        header(&self.buffer[..self.head_bytes], name)
    }

    async fn read_at(&mut self, start: usize) -> anyhow::Result<usize> {
        match self.stream.read(&mut self.buffer[start..]).await? {
            0 => bail!("the server closed a connection"),
            read => Ok(read),
        }
    }

    fn refusal(&self, request: &[u8], head: Head, filled: usize) -> anyhow::Error {
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let body = String::from_utf8_lossy(&self.buffer[head.head_bytes..filled]);
        anyhow::anyhow!(
            "{} was answered with {}: {body}",
            String::from_utf8_lossy(line),
            head.status
        )
    }
}
