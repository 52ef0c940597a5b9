//! Requests to a store: signed, tried again with growing pauses while that may help, a bounded number of times and for a
//! bounded time, and read to a bounded length. It refuses to know what is asked for.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use object_store::client::{HttpRequest, HttpRequestBody};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    bucket::Condition,
    payload::Payload,
    refusal::Refusal,
    way_out::{Body, Exchange, ExchangeError},
};

/// Longest answer that is read whole: a page of a listing has a thousand entries.
const ANSWER_BYTES: usize = 8 << 20;
/// Longest answer that is read of a request that failed.
const FAULT_BYTES: usize = 64 << 10;
/// A pause that a store asks for is kept up to this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Times that a request is sent.
const ATTEMPTS: u32 = 8;
/// No attempt begins later than this after the first.
const PATIENCE: Duration = Duration::from_secs(45);
/// The first pause; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Signs requests.
#[async_trait]
pub(super) trait Sign: fmt::Debug + Send + Sync {
    /// Adds what proves who asks.
    async fn sign(&self, request: &mut HttpRequest, payload: &Payload) -> Result<(), Refusal>;

    /// Forgets a credential that was refused; whether another one may be had.
    fn renew(&self) -> bool;
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Uri,
    pub(super) headers: HeaderMap,
    pub(super) payload: Payload,
}

impl Ask {
    pub(super) fn new(method: Method, url: Uri) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::empty(),
        }
    }

    pub(super) fn with(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    pub(super) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Only where nothing has the name (RFC 9110 13.1.2).
    pub(super) fn if_absent(self) -> Self {
        self.header(header::IF_NONE_MATCH, HeaderValue::from_static("*"))
    }

    pub(super) fn under(self, condition: Condition) -> Self {
        match condition {
            Condition::Absent => self.if_absent(),
            Condition::Any => self,
        }
    }
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// An answer.
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

/// Asks one store.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) sign: Arc<dyn Sign>,
    /// How the store writes what went wrong: its code and its message.
    pub(super) fault: fn(&HeaderMap, &[u8]) -> (String, String),
}

impl Asking {
    /// Asks, and reads the whole answer; one that is cut off is asked for again.
    pub(super) async fn whole(&self, ask: &Ask) -> Result<Whole, Refusal> {
        let mut turns = Turns::new();
        loop {
            let read = match self.once(ask).await {
                Ok(answer) => {
                    let (status, headers) = (answer.status, answer.headers);
                    let bytes = collect(answer.body, ANSWER_BYTES).await;
                    bytes
                        .map(|bytes| Whole { status, headers, bytes })
                        .map_err(Refused::from)
                }
                Err(refused) => Err(refused),
            };
            match read {
                Ok(whole) => return Ok(whole),
                Err(refused) => self.next_turn(&mut turns, refused).await?,
            }
        }
    }

    /// Asks, and leaves the body to be read.
    pub(super) async fn open(&self, ask: &Ask) -> Result<Answer, Refusal> {
        let mut turns = Turns::new();
        loop {
            match self.once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => self.next_turn(&mut turns, refused).await?,
            }
        }
    }

    async fn next_turn(&self, turns: &mut Turns, refused: Refused) -> Result<(), Refusal> {
        if refused.refusal.is_about_credential() && turns.renew() && self.sign.renew() {
            return Ok(());
        }
        turns.next(refused).await
    }

    async fn once(&self, ask: &Ask) -> Result<Answer, Refused> {
        let request = self.request(ask).await?;
        let response = self.exchange.exchange(request).await.map_err(Refusal::NoAnswer)?;
        let (parts, body) = response.into_parts();
        // Google says 308 for "go on" with a stream, and names no place to go to.
        let goes_on = parts.status == StatusCode::PERMANENT_REDIRECT && !parts.headers.contains_key(header::LOCATION);
        if parts.status.is_success() || goes_on {
            return Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            });
        }
        // What went wrong is known without the body too.
        let told = collect(body, FAULT_BYTES).await.unwrap_or_default();
        let (code, message) = (self.fault)(&parts.headers, &told);
        Err(Refused {
            refusal: Refusal::of_status(parts.status, code, &message),
            pause: pause_asked_for(&parts.headers),
        })
    }

    async fn request(&self, ask: &Ask) -> Result<http::Request<Body>, Refusal> {
        let mut request = http::Request::new(HttpRequestBody::empty());
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = ask.url.clone();
        *request.headers_mut() = ask.headers.clone();
        let has_body = matches!(ask.method, Method::PUT | Method::POST) || ask.payload.len() > 0;
        if has_body {
            let length = HeaderValue::from(ask.payload.len());
            request.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        self.sign.sign(&mut request, &ask.payload).await?;
        let (parts, _) = request.into_parts();
        Ok(http::Request::from_parts(parts, ask.payload.body()))
    }
}

/// A refusal, and how long the store asks to be left alone.
struct Refused {
    refusal: Refusal,
    pause: Option<Duration>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, pause: None }
    }
}

/// The attempts of one request.
struct Turns {
    begun: Instant,
    left: u32,
    pause: Duration,
    may_renew: bool,
}

impl Turns {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            left: ATTEMPTS - 1,
            pause: FIRST_PAUSE,
            may_renew: true,
        }
    }

    fn renew(&mut self) -> bool {
        std::mem::take(&mut self.may_renew)
    }

    /// Waits for the next attempt, or gives the refusal back when there is none.
    async fn next(&mut self, refused: Refused) -> Result<(), Refusal> {
        let pause = refused
            .pause
            .unwrap_or_default()
            .min(LONGEST_PAUSE)
            .max(jitter(self.pause));
        let is_too_late = self.begun.elapsed() + pause > PATIENCE;
        if self.left == 0 || is_too_late || !refused.refusal.is_transient() {
            return Err(refused.refusal);
        }
        self.left -= 1;
        self.pause *= 2;
        sleep(pause).await;
        Ok(())
    }
}

/// Between half of a pause and all of it, so that many who were refused together do not come back together.
fn jitter(pause: Duration) -> Duration {
    let random = u32::from(Uuid::new_v4().as_bytes()[0]);
    pause / 2 + pause / 512 * random
}

/// `Retry-After` in seconds (RFC 9110 10.2.3).
fn pause_asked_for(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// Reads a body of at most so many bytes.
pub(super) async fn collect(mut body: Body, limit_bytes: usize) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|source| Refusal::NoAnswer(ExchangeError::broken(source)))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit_bytes {
            return Err(Refusal::Answer(format!("it has more than {limit_bytes} bytes")));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
