//! The running server's door: HTTP/1 on a Unix socket in the data folder, which only the folder's owner can enter. An
//! order is a POST of JSON; the answer is one JSON document a line: news, and at the end what came of it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::TaskTracker;

use super::{
    Desk, News, Order,
    can::ExplainDecision,
    check::CheckAll,
    credentials::ShowCredentials,
    garbage::{CollectGarbage, ExplainDigest},
    keys::{ListKeys, RotateKeys},
    principal::{CreatePrincipal, DeletePrincipal, ListPrincipals, ResetPrincipal, ShowPrincipal},
    registry::UpdateRegistry,
    status::ShowStatus,
    stray::{CollectStrays, ListStrays},
    user::{CreateUser, DeleteUser, EnableUser, ListUsers, ResetUser},
};
use crate::shutdown::Shutdown;

/// Orders are small.
const MAX_ORDER_BYTES: usize = 64 << 10;
/// The longest path that a socket's address holds.
const MAX_ADDRESS_BYTES: usize = 107;

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    /// How far it is.
    News(Value),
    /// It is done; nothing follows.
    Done(Value),
    /// It failed; nothing follows.
    Failed(String),
}

type Lines = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// A path that names the socket in an address: the path itself, or, when that is too long, one through the open folder.
pub(super) fn address(socket: &Path) -> io::Result<(PathBuf, Option<fs::File>)> {
    use std::os::fd::AsRawFd as _;
    if socket.as_os_str().len() <= MAX_ADDRESS_BYTES {
        return Ok((socket.to_owned(), None));
    }
    let folder = fs::File::open(socket.parent().unwrap_or(Path::new(".")))?;
    let name = socket.file_name().unwrap_or_default();
    let path = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    Ok((path, Some(folder)))
}

/// An open door.
pub(crate) struct Door {
    listener: UnixListener,
    socket: PathBuf,
}

impl Door {
    /// Opens the door of a folder that this process holds; a socket that is there is a dead server's.
    pub(crate) fn open(socket: PathBuf) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open the operator's socket {}", socket.display());
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(cannot),
            _ => {}
        }
        let (path, _folder) = address(&socket).with_context(cannot)?;
        let listener = UnixListener::bind(path).with_context(cannot)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).with_context(cannot)?;
        Ok(Self { listener, socket })
    }

    /// Takes orders until the shutdown begins, then removes the socket.
    pub(crate) async fn serve(self, desk: Arc<Desk>, shutdown: Shutdown) {
        let visitors = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.stopping.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (desk, cutting) = (Arc::clone(&desk), shutdown.cutting.clone());
                    visitors.spawn(async move { cutting.run_until_cancelled(converse(stream, desk)).await });
                }
                Err(error) => {
                    tracing::warn!(error = %error, "cannot accept at the operator's socket; trying again");
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            }
        }
        // A command that comes now opens the store itself as soon as the lock is free.
        drop(fs::remove_file(&self.socket));
        visitors.close();
        visitors.wait().await;
    }
}

async fn converse(stream: UnixStream, desk: Arc<Desk>) {
    let answer = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, std::convert::Infallible>(answer(request, desk).await) }
    });
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).keep_alive(false);
    if let Err(error) = protocol.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(error = %error, "an operator's connection broke");
    }
}

async fn answer(request: Request<Incoming>, desk: Arc<Desk>) -> Response<Lines> {
    if request.method() != Method::POST {
        return whole(StatusCode::METHOD_NOT_ALLOWED, "orders are POSTs");
    }
    let path = request.uri().path().to_owned();
    let body = match Limited::new(request.into_body(), MAX_ORDER_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return whole(StatusCode::BAD_REQUEST, "the order could not be read"),
    };
    match path.as_str() {
        ShowCredentials::PATH => fill::<ShowCredentials>(&body, desk),
        ShowStatus::PATH => fill::<ShowStatus>(&body, desk),
        CollectGarbage::PATH => fill::<CollectGarbage>(&body, desk),
        ListStrays::PATH => fill::<ListStrays>(&body, desk),
        CollectStrays::PATH => fill::<CollectStrays>(&body, desk),
        ExplainDecision::PATH => fill::<ExplainDecision>(&body, desk),
        ExplainDigest::PATH => fill::<ExplainDigest>(&body, desk),
        CheckAll::PATH => fill::<CheckAll>(&body, desk),
        CreatePrincipal::PATH => fill::<CreatePrincipal>(&body, desk),
        ListPrincipals::PATH => fill::<ListPrincipals>(&body, desk),
        ShowPrincipal::PATH => fill::<ShowPrincipal>(&body, desk),
        ResetPrincipal::PATH => fill::<ResetPrincipal>(&body, desk),
        DeletePrincipal::PATH => fill::<DeletePrincipal>(&body, desk),
        ListKeys::PATH => fill::<ListKeys>(&body, desk),
        RotateKeys::PATH => fill::<RotateKeys>(&body, desk),
        CreateUser::PATH => fill::<CreateUser>(&body, desk),
        ListUsers::PATH => fill::<ListUsers>(&body, desk),
        ResetUser::PATH => fill::<ResetUser>(&body, desk),
        EnableUser::PATH => fill::<EnableUser>(&body, desk),
        DeleteUser::PATH => fill::<DeleteUser>(&body, desk),
        UpdateRegistry::PATH => fill::<UpdateRegistry>(&body, desk),
        _ => whole(
            StatusCode::NOT_FOUND,
            "there is no such order; is the running server older than this command?",
        ),
    }
}

fn fill<O: Order>(body: &[u8], desk: Arc<Desk>) -> Response<Lines> {
    let order: O = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return whole(StatusCode::BAD_REQUEST, &format!("the order is malformed: {error}")),
    };
    let (news, waiting) = News::channel();
    // `news` lives as long as the order does, so the channel ends when the order has, and all news come before the end.
    let filling = async move {
        let outcome = order.fill(&desk, &news).await;
        match outcome.and_then(|answer| Ok(serde_json::to_value(answer)?)) {
            Ok(answer) => Line::Done(answer),
            Err(error) => Line::Failed(format!("{error:#}")),
        }
    };
    let state = (Some(Box::pin(filling)), None, waiting);
    let lines = stream::unfold(state, |(mut filling, mut end, mut waiting)| async {
        loop {
            tokio::select! {
                biased;
                news = waiting.recv() => {
                    let line = news.map(Line::News).or_else(|| end.take())?;
                    return Some((line, (filling, end, waiting)));
                }
                line = async { filling.as_mut()?.await.into() }, if filling.is_some() => {
                    end = line;
                    filling = None;
                }
            }
        }
    });
    let frames = lines.map(|line| Ok(Frame::data(encode(&line))));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn whole(status: StatusCode, message: &str) -> Response<Lines> {
    let line = encode(&Line::Failed(message.to_owned()));
    let mut response = Response::new(http_body_util::Full::new(line).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn encode(line: &Line) -> Bytes {
    // Plain data with text keys: nothing that serialisation can refuse.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}
