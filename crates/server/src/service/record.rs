//! What is known of one request, growing as it is handled; written to the access log and the metrics when its answer is
//! out, or when the client goes away before. It refuses to keep anything secret.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use holdfast_face::{Body, HeadRoom, Served};
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use uuid::Uuid;

use crate::{
    log::Access,
    metrics::{Counted, Metrics},
    stream,
};

/// Written when it is dropped.
pub(super) struct Record {
    metrics: Arc<Metrics>,
    started_at: Instant,
    method: Method,
    path: String,
    user_agent: String,
    peer: IpAddr,
    request_id: String,
    served: Served,
    status: Option<StatusCode>,
    sent_bytes: u64,
    _request: Counted,
    _upload: Option<Counted>,
    /// What the request takes counts until its answer is out.
    room: Option<HeadRoom>,
}

impl Record {
    pub(super) fn new<B>(metrics: Arc<Metrics>, request: &Request<B>, peer: IpAddr, request_id: Uuid) -> Self {
        let user_agent = request.headers().get(header::USER_AGENT);
        let user_agent = user_agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let sends = method == Method::PATCH || method == Method::PUT || method == Method::POST;
        let is_upload = sends && path.contains("/blobs/uploads/");
        Self {
            started_at: Instant::now(),
            user_agent: user_agent.unwrap_or_default(),
            peer,
            request_id: request_id.to_string(),
            served: Served::by("other"),
            status: None,
            sent_bytes: 0,
            _request: metrics.request(),
            _upload: is_upload.then(|| metrics.upload()),
            room: None,
            metrics,
            method,
            path,
        }
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(super) fn hold(&mut self, room: HeadRoom) {
        self.room = Some(room);
    }

    pub(super) fn serve(&mut self, served: Served) {
        self.served = served;
    }

    /// Hands the record on to the answer's body, to be written when that is out.
    pub(super) fn measure(mut self, response: Response<Body>) -> Response<Measured> {
        self.status = Some(response.status());
        stream::begin();
        response.map(|body| Measured {
            body,
            rest: Bytes::new(),
            record: self,
        })
    }

    /// Probes come every few seconds for ever; only failed ones are news.
    fn is_dull(&self) -> bool {
        super::base::is_probe(self.served.route) && self.status.is_some_and(|status| status.is_success())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.started_at.elapsed();
        self.metrics
            .answered(self.served.route, &self.method, self.status, took);
        if self.is_dull() {
            return;
        }
        let access = Access {
            method: &self.method,
            path: &self.path,
            status: self.status,
            sent_bytes: self.sent_bytes,
            took,
            peer: self.peer,
            actor: &self.served.actor,
            repository: self.served.repository.as_deref().unwrap_or("-"),
            request_id: &self.request_id,
            user_agent: &self.user_agent,
        };
        access.write();
    }
}

/// An answer's body that counts itself.
pub(crate) struct Measured {
    body: Body,
    /// What was read and not handed out.
    rest: Bytes,
    record: Record,
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    // The client sees the connection end; only we know why.
                    tracing::error!(error = %error, request.id = self.record.request_id, "an answer broke off");
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
        let is_end = self.body.is_empty();
        let slice = stream::hand_out(&mut self.rest, is_end);
        self.record.sent_bytes += slice.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64 + self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use hyper::rt::Executor as _;
    use tokio_util::{sync::CancellationToken, task::TaskTracker};

    use super::*;
    use crate::{activity::Activity, folder::Folder, rows::Rows};

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_which_nothing_is_taken_is_given_up_from_its_head_on() {
        let folder = tempfile::tempdir().unwrap();
        let rows = Rows::of_folder(&Folder::at(folder.path())).unwrap();
        let metrics = Arc::new(Metrics::new(rows));
        let streams = stream::Streams {
            tasks: TaskTracker::new(),
            cutting: CancellationToken::new(),
            activity: Arc::new(Activity::new()),
            refusing: stream::Refusing::default(),
        };
        streams.execute(async move {
            let record = Record::new(metrics, &Request::new(()), Ipv4Addr::LOCALHOST.into(), Uuid::nil());
            // A window of no bytes: nobody asks for the body.
            let _response = record.measure(Response::new(Body::bytes("content")));
            std::future::pending::<()>().await;
        });
        streams.tasks.close();
        let given_up = tokio::time::timeout(Duration::from_secs(300), streams.tasks.wait());
        given_up.await.unwrap();
    }
}
