//! The running server's admin socket: HTTP/1 on a Unix socket in the data folder, which only the folder's owner can
//! reach. A command is a POST of JSON; the response is one JSON document a line: progress, and at the end the outcome.

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
    AdminCommand, Context, Progress,
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

/// The longest body of a command.
const MAX_COMMAND_BYTES: usize = 64 << 10;
/// The longest path that a socket's address holds.
const MAX_ADDRESS_BYTES: usize = 107;

/// One line of a response.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    /// How far it is.
    Progress(Value),
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

/// The admin socket, bound.
pub(crate) struct AdminSocket {
    listener: UnixListener,
    socket: PathBuf,
}

impl AdminSocket {
    /// Binds the socket of a folder that this process holds; a socket that is there is a dead server's.
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

    /// Takes commands until the shutdown begins, then removes the socket.
    pub(crate) async fn serve(self, context: Arc<Context>, shutdown: Shutdown) {
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.stopping.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (context, cutting) = (Arc::clone(&context), shutdown.cutting.clone());
                    connections.spawn(async move { cutting.run_until_cancelled(converse(stream, context)).await });
                }
                Err(error) => {
                    tracing::warn!(error = %error, "cannot accept at the operator's socket; trying again");
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            }
        }
        // A command that comes now opens the store itself as soon as the lock is free.
        drop(fs::remove_file(&self.socket));
        connections.close();
        connections.wait().await;
    }
}

async fn converse(stream: UnixStream, context: Arc<Context>) {
    let service = service_fn(move |request| {
        let context = Arc::clone(&context);
        async move { Ok::<_, std::convert::Infallible>(respond(request, context).await) }
    });
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).keep_alive(false);
    if let Err(error) = protocol.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(error = %error, "an operator's connection broke");
    }
}

async fn respond(request: Request<Incoming>, context: Arc<Context>) -> Response<Lines> {
    if request.method() != Method::POST {
        return whole(StatusCode::METHOD_NOT_ALLOWED, "commands are POSTs");
    }
    let path = request.uri().path().to_owned();
    let body = match Limited::new(request.into_body(), MAX_COMMAND_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return whole(StatusCode::BAD_REQUEST, "the command could not be read"),
    };
    match path.as_str() {
        ShowCredentials::PATH => run::<ShowCredentials>(&body, context),
        ShowStatus::PATH => run::<ShowStatus>(&body, context),
        CollectGarbage::PATH => run::<CollectGarbage>(&body, context),
        ListStrays::PATH => run::<ListStrays>(&body, context),
        CollectStrays::PATH => run::<CollectStrays>(&body, context),
        ExplainDecision::PATH => run::<ExplainDecision>(&body, context),
        ExplainDigest::PATH => run::<ExplainDigest>(&body, context),
        CheckAll::PATH => run::<CheckAll>(&body, context),
        CreatePrincipal::PATH => run::<CreatePrincipal>(&body, context),
        ListPrincipals::PATH => run::<ListPrincipals>(&body, context),
        ShowPrincipal::PATH => run::<ShowPrincipal>(&body, context),
        ResetPrincipal::PATH => run::<ResetPrincipal>(&body, context),
        DeletePrincipal::PATH => run::<DeletePrincipal>(&body, context),
        ListKeys::PATH => run::<ListKeys>(&body, context),
        RotateKeys::PATH => run::<RotateKeys>(&body, context),
        CreateUser::PATH => run::<CreateUser>(&body, context),
        ListUsers::PATH => run::<ListUsers>(&body, context),
        ResetUser::PATH => run::<ResetUser>(&body, context),
        EnableUser::PATH => run::<EnableUser>(&body, context),
        DeleteUser::PATH => run::<DeleteUser>(&body, context),
        UpdateRegistry::PATH => run::<UpdateRegistry>(&body, context),
        _ => whole(
            StatusCode::NOT_FOUND,
            "there is no such command; is the running server older than this command?",
        ),
    }
}

fn run<C: AdminCommand>(body: &[u8], context: Arc<Context>) -> Response<Lines> {
    let command: C = match serde_json::from_slice(body) {
        Ok(command) => command,
        Err(error) => return whole(StatusCode::BAD_REQUEST, &format!("the command is malformed: {error}")),
    };
    let (progress, reports) = Progress::channel();
    // `progress` lives as long as the command does, so the channel ends when the command has, and every report comes before
    // the outcome.
    let running = async move {
        let outcome = command.run(&context, &progress).await;
        match outcome.and_then(|output| Ok(serde_json::to_value(output)?)) {
            Ok(output) => Line::Done(output),
            Err(error) => Line::Failed(format!("{error:#}")),
        }
    };
    let state = (Some(Box::pin(running)), None, reports);
    let lines = stream::unfold(state, |(mut running, mut end, mut reports)| async {
        loop {
            tokio::select! {
                biased;
                report = reports.recv() => {
                    let line = report.map(Line::Progress).or_else(|| end.take())?;
                    return Some((line, (running, end, reports)));
                }
                line = async { running.as_mut()?.await.into() }, if running.is_some() => {
                    end = line;
                    running = None;
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
