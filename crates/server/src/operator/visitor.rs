//! The commands' side of the door: hands an order to the running server, or, when none runs, takes the data folder and
//! fills the order here.

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
    Desk, News, Order,
    addresses::Addresses,
    door::{Line, address},
};
use crate::{
    boot::House,
    folder::{Busy, Folder},
    locations::Locations,
    remains::{self, Remains},
    settings::Settings,
};

/// How long a server may take to start or to stop before a command gives up on it.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// The longest line of an answer.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Has an order filled, wherever that can be done now.
pub(crate) async fn ask<O: Order>(
    settings: &Settings,
    order: O,
    hear: &mut (dyn FnMut(Value) + Send),
) -> anyhow::Result<O::Answer> {
    let folder = Folder::at(&settings.data_dir);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(stream) = knock(&folder).await? {
            return hand_over(stream, &order, hear).await;
        }
        let locations = Locations::last(&folder, settings)?;
        if !folder.is_used() {
            remains::refuse(&folder, &locations)?;
            let shown = folder.path().display();
            bail!("{shown} holds no registry; make one with: holdfast serve --data-dir '{shown}'");
        }
        match folder.hold() {
            Ok(held) => {
                let house = House::open(folder, held, settings.limits(), &locations, Remains::Refuse).await?;
                return fill_here(settings, house, order, hear).await;
            }
            // A server that starts or stops: its door opens, or its lock does.
            Err(error) if error.is::<Busy>() && Instant::now() < deadline => sleep(LOOK).await,
            Err(error) => return Err(error),
        }
    }
}

/// The running server's door, if one is open.
async fn knock(folder: &Folder) -> anyhow::Result<Option<UnixStream>> {
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

async fn hand_over<O: Order>(
    stream: UnixStream,
    order: &O,
    hear: &mut (dyn FnMut(Value) + Send),
) -> anyhow::Result<O::Answer> {
    const LOST: &str = "the server went away before it was done";
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context(LOST)?;
    let request: Request<Full<Bytes>> = Request::post(O::PATH)
        .header(header::HOST, "holdfast")
        .body(Full::from(serde_json::to_vec(order)?))?;
    let talk = async {
        let mut body = sender.send_request(request).await.context(LOST)?.into_body();
        let mut pending = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame.context(LOST)?.into_data() {
                pending.extend_from_slice(&bytes);
            }
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line = pending.split_to(end);
                pending.advance(1);
                match serde_json::from_slice(&line).context("the server's answer is not understood")? {
                    Line::News(news) => hear(news),
                    Line::Done(answer) => return Ok(serde_json::from_value(answer)?),
                    Line::Failed(message) => bail!(message),
                }
            }
            if pending.len() > MAX_LINE_BYTES {
                bail!("the server's answer is too long");
            }
        }
        bail!(LOST)
    };
    tokio::select! {
        answer = talk => answer,
        // Ends only when the server does; what it sent before is read by then.
        Err(error) = connection => Err(error).context(LOST),
    }
}

async fn fill_here<O: Order>(
    settings: &Settings,
    house: House,
    order: O,
    hear: &mut (dyn FnMut(Value) + Send),
) -> anyhow::Result<O::Answer> {
    let desk = Desk {
        addresses: Addresses::last(&house.folder, settings),
        house: Arc::new(house),
        gc_grace: settings.gc_grace,
        metrics: None,
    };
    let (news, mut waiting) = News::channel();
    let filled = async {
        let outcome = order.fill(&desk, &news).await;
        drop(news);
        outcome
    };
    let listened = async {
        while let Some(news) = waiting.recv().await {
            hear(news);
        }
    };
    let (outcome, ()) = tokio::join!(filled, listened);
    desk.house.close().await;
    outcome
}
