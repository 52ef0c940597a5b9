//! One connection, driven by the thread that owns it, and the transaction that is open on it.
//!
//! A transaction begins together with its first statement when that one reads: one round trip less. Before a statement that
//! changes rows the beginning is waited for; had it failed, the statement would commit by itself.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use super::dialect::translate;
use super::error::Broken;
use super::settings::Settings;
use super::value::Bound;
use crate::sql::error::{Failure, Fault};
use crate::sql::row::{self, Row};
use crate::sql::value::{Params, Value};

/// Lanes that transactions which were in each other's way queue up in.
const LANES: u64 = 1024;

/// Where the transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Idle,
    /// It begins by these words with its first statement.
    Announced(&'static str),
    /// It is open.
    Open,
}

/// A connection.
pub(crate) struct Connection {
    runtime: Runtime,
    client: Client,
    /// By SQLite's text.
    prepared: RefCell<HashMap<&'static str, Statement>>,
    phase: Cell<Phase>,
    broken: Cell<Option<Broken>>,
    /// What the transaction changed first: who is in its way most likely changes the same.
    lane: Cell<Option<i32>>,
}

/// How a transaction ended.
pub(super) enum Ended {
    /// As was asked.
    Done,
    /// Another was in its way: it was undone, and is to be run again.
    Conflict,
    /// It was undone because the connection is gone.
    Lost,
    /// The connection went while it was committed.
    Unknown(tokio_postgres::Error),
    /// It was undone, for this reason, if it is known here.
    Failed(Option<tokio_postgres::Error>),
}

impl Connection {
    /// Connects.
    pub(super) fn open(settings: &Settings) -> Result<Self, super::open::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| super::open::Error::Thread { source })?;
        let client = runtime
            .block_on(settings.connect())
            .map_err(|source| super::open::Error::Connect {
                source: super::error::plain(source),
            })?;
        Ok(Self {
            runtime,
            client,
            prepared: RefCell::default(),
            phase: Cell::new(Phase::Idle),
            broken: Cell::new(None),
            lane: Cell::new(None),
        })
    }

    /// Waits for something else while the connection is looked after.
    pub(super) fn wait<T>(&self, other: impl Future<Output = T>) -> T {
        self.runtime.block_on(other)
    }

    /// Whether it can be used no more.
    pub(super) fn is_gone(&self) -> bool {
        self.client.is_closed() || self.broken.get() == Some(Broken::Lost)
    }

    /// Runs statements outside a transaction, or those that begin and end one.
    pub(super) fn say(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.runtime.block_on(self.client.batch_execute(sql))
    }

    /// What a statement that is no noun's says, of each row the first column, as text.
    pub(super) fn lines(&self, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        let said = self.runtime.block_on(self.client.simple_query(sql))?;
        let line = |message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        Ok(said.into_iter().filter_map(line).collect())
    }

    /// A transaction begins with its first statement, by these words.
    pub(super) fn announce(&self, begin: &'static str) {
        self.phase.set(Phase::Announced(begin));
        self.broken.set(None);
        self.lane.set(None);
    }

    /// The lane of what the transaction changed first.
    pub(super) fn lane(&self) -> Option<i32> {
        self.lane.get()
    }

    /// Commits. One in which something failed is undone, whatever the work made of the failure.
    pub(super) fn commit(&self) -> Ended {
        if self.broken.get().is_some() {
            return self.roll_back();
        }
        if self.phase.replace(Phase::Idle) != Phase::Open {
            return Ended::Done;
        }
        let Err(error) = self.say("COMMIT") else {
            return Ended::Done;
        };
        match Broken::by(&error) {
            Broken::Conflict | Broken::Stale => Ended::Conflict,
            Broken::Lost => {
                self.broken.set(Some(Broken::Lost));
                Ended::Unknown(error)
            }
            Broken::Refused => Ended::Failed(Some(error)),
        }
    }

    /// Undoes everything. Says [`Ended::Failed`] when a statement failed.
    pub(super) fn roll_back(&self) -> Ended {
        let is_open = self.phase.replace(Phase::Idle) == Phase::Open;
        if self.broken.get() == Some(Broken::Lost) {
            return Ended::Lost;
        }
        if is_open && self.say("ROLLBACK").is_err() {
            // Whatever it was: nothing is committed by a connection that ends.
            self.broken.set(Some(Broken::Lost));
        }
        match self.broken.get() {
            None => Ended::Done,
            Some(Broken::Conflict | Broken::Stale) => Ended::Conflict,
            Some(Broken::Lost) => Ended::Lost,
            Some(Broken::Refused) => Ended::Failed(None),
        }
    }

    /// Whether a statement failed, and the transaction with it.
    pub(crate) fn is_over(&self) -> bool {
        self.broken.get().is_some()
    }

    /// Hands over the rows that a statement finds, until there are enough; those after are let go.
    pub(crate) fn query(
        &self,
        sql: &'static str,
        params: Params<'_>,
        changes: bool,
        mut each: impl FnMut(&Row<'_>) -> row::Result<ControlFlow<()>>,
    ) -> Result<(), Failure> {
        self.run(sql, params, changes, async |statement| {
            let mut rows = pin!(self.client.query_raw(statement, bound(params)).await?);
            let mut read = Ok(ControlFlow::Continue(()));
            // To its end: a failure that nobody heard of would make the commit an undoing.
            while let Some(row) = rows.try_next().await? {
                if matches!(read, Ok(ControlFlow::Continue(()))) {
                    read = each(&Row::Postgres(&row));
                }
            }
            Ok(read)
        })?
        .map(drop)
        .map_err(Failure::from)
    }

    /// Changes rows; returns how many.
    pub(crate) fn execute(&self, sql: &'static str, params: Params<'_>) -> Result<usize, Failure> {
        let changed = self.run(sql, params, true, async |statement| {
            self.client.execute_raw(statement, bound(params)).await
        })?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    fn run<T>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        changes: bool,
        statement: impl AsyncFnOnce(&Statement) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failure> {
        if self.is_over() || self.phase.get() == Phase::Idle {
            return Err(Fault::TransactionOver.into());
        }
        if changes && self.lane.get().is_none() {
            self.lane.set(Some(lane_of(sql, params)));
        }
        let ran = self.runtime.block_on(async {
            let prepared = self.prepare(sql).await?;
            let begin = match self.phase.replace(Phase::Open) {
                Phase::Announced(begin) => begin,
                Phase::Open | Phase::Idle => return statement(&prepared).await,
            };
            let begin = self.client.batch_execute(begin);
            if changes {
                begin.await?;
                return statement(&prepared).await;
            }
            let (begun, said) = tokio::join!(biased; begin, statement(&prepared));
            begun.and(said)
        });
        ran.map_err(|error| {
            let broken = Broken::by(&error);
            if broken == Broken::Stale {
                self.prepared.borrow_mut().clear();
            }
            self.broken.set(Some(broken));
            error.into()
        })
    }

    async fn prepare(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&translate(sql)).await?;
        self.prepared.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }
}

fn bound<'p>(params: Params<'p>) -> impl ExactSizeIterator<Item = Bound<'p>> {
    params.iter().map(|value| Bound(*value))
}

/// By the statement and the first two parameters: where rows are, before what they become.
fn lane_of(sql: &'static str, params: Params<'_>) -> i32 {
    let mut hasher = DefaultHasher::new();
    sql.hash(&mut hasher);
    for value in params.iter().take(2) {
        match value.to_value() {
            Value::Null => 0.hash(&mut hasher),
            Value::Integer(number) => number.hash(&mut hasher),
            Value::Text(text) => text.hash(&mut hasher),
            Value::Bytes(bytes) => bytes.hash(&mut hasher),
        }
    }
    i32::try_from(hasher.finish() % LANES).map_or(1, |lane| lane + 1)
}
