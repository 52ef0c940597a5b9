//! The client of the admin socket: sends a command to the running server, or, when none runs, takes the data folder and
//! runs the command here.

use std::{io, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use bytes::{Buf as _, Bytes, BytesMut};
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::UnixStream,
    time::{Instant, sleep},
};

use super::{
    AdminCommand, Context, Progress,
    addresses::Addresses,
    admin_socket::{Line, address},
};
use crate::{
    boot::App,
    command::variable,
    folder::{Busy, Folder},
    locations::Locations,
    remains::{self, Remains},
    settings::Settings,
};

/// How long a server may take to start or to stop before a command gives up on it.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// The longest line of a response.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Runs a command, wherever that can be done now.
pub(crate) async fn run<C: AdminCommand>(
    settings: &Settings,
    command: C,
    on_progress: &mut (dyn FnMut(Value) + Send),
) -> anyhow::Result<C::Output> {
    let folder = Folder::at(&settings.data_dir);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(stream) = connect(&folder).await? {
            return send(stream, &command, on_progress).await;
        }
        let locations = Locations::last(&folder, settings, &variable)?;
        if settings.database.is_some() {
            folder.create(Remains::MakeNone, false)?;
        } else if !folder.is_used() {
            remains::refuse(&folder, &locations)?;
            let path = folder.path().display();
            bail!("{path} holds no registry; make one with: holdfast serve --data-dir '{path}'");
        }
        match folder.hold() {
            Ok(held) => {
                let app = App::open(settings, folder, held, &locations, Remains::MakeNone).await?;
                return run_here(settings, app, command, on_progress).await;
            }
            // A server that starts or stops: its socket opens, or its lock does.
            Err(error) if error.is::<Busy>() && Instant::now() < deadline => sleep(LOOK).await,
            Err(error) => return Err(error),
        }
    }
}

/// A connection to the running server, if one runs.
async fn connect(folder: &Folder) -> anyhow::Result<Option<UnixStream>> {
    let socket = folder.socket();
    let cannot = || format!("cannot reach the server through {}", socket.display());
    if !socket.exists() {
        return Ok(None);
    }
    let (path, _folder) = address(&socket).with_context(cannot)?;
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error).with_context(cannot),
    }
}

async fn send<C: AdminCommand>(
    stream: UnixStream,
    command: &C,
    on_progress: &mut (dyn FnMut(Value) + Send),
) -> anyhow::Result<C::Output> {
    const LOST: &str = "the server went away before it was done";
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context(LOST)?;
    let request: Request<Full<Bytes>> = Request::post(C::PATH)
        .header(header::HOST, "holdfast")
        .body(Full::from(serde_json::to_vec(command)?))?;
    let exchange = async {
        let mut body = sender.send_request(request).await.context(LOST)?.into_body();
        let mut pending = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame.context(LOST)?.into_data() {
                pending.extend_from_slice(&bytes);
            }
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line = pending.split_to(end);
                pending.advance(1);
                match serde_json::from_slice(&line).context("the server's response is not understood")? {
                    Line::Progress(progress) => on_progress(progress),
                    Line::Done(output) => return Ok(serde_json::from_value(output)?),
                    Line::Failed(message) => bail!(message),
                }
            }
            if pending.len() > MAX_LINE_BYTES {
                bail!("the server's response is too long");
            }
        }
        bail!(LOST)
    };
    tokio::select! {
        outcome = exchange => outcome,
        // Ends only when the server does; what it sent before is read by then.
        Err(error) = connection => Err(error).context(LOST),
    }
}

async fn run_here<C: AdminCommand>(
    settings: &Settings,
    app: App,
    command: C,
    on_progress: &mut (dyn FnMut(Value) + Send),
) -> anyhow::Result<C::Output> {
    let context = Context {
        addresses: Addresses::last(&app.folder, settings),
        app: Arc::new(app),
        gc_grace: settings.gc_grace,
        metrics: None,
    };
    let (progress, mut reports) = Progress::channel();
    let running = async {
        let outcome = command.run(&context, &progress).await;
        drop(progress);
        outcome
    };
    let reading = async {
        while let Some(report) = reports.recv().await {
            on_progress(report);
        }
    };
    let (outcome, ()) = tokio::join!(running, reading);
    context.app.close().await;
    outcome
}
