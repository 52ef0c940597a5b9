//! `holdfast serve`: opens the data folder, starts everything on it, and ends it in a written order.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use holdfast_api_distribution::{Distribution, DistributionParts};
use holdfast_api_management::{Management, ManagementParts};
use holdfast_client::Outgoing;
use holdfast_face::{Budget, Heads, Sending, Windows, Writing};
use holdfast_identity::{
    Certificates, DirectoryIssuer, ExternalIssuers, Issuer, OwnNames, Throttle,
    authority::{self, Names},
    tls,
};
use holdfast_jobs::{IMPORT_ATTEMPT_LIMIT, Runner, RunnerParts};
use holdfast_model::RandomIds;
use rustls::ServerConfig;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    boot::App,
    files::Files,
    folder::Folder,
    host::Hosts,
    issuer::Issuers,
    listener::{Acceptor, Listener},
    locations::Locations,
    log,
    maintenance::{Certificate, Maintenance},
    metrics::Metrics,
    node::Node,
    operator::{Context, addresses::Addresses, admin_socket::AdminSocket},
    readiness::Readiness,
    remains::{self, Remains},
    rows::Rows,
    service::{Base, RequestIds, Service},
    settings::{ENTRIES, Entry, Flags, Settings},
    shutdown::{Shutdown, Signals},
    slots::Slots,
    welcome,
};

/// The flags, from the table of settings.
#[derive(Debug)]
pub(super) struct Serve {
    flags: Flags,
}

impl FromArgMatches for Serve {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let config = matches.get_one::<PathBuf>("config").cloned();
        let flags = Flags::read(matches, config);
        Ok(Self { flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Serve {
    fn augment_args(command: Command) -> Command {
        let config = clap::Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The settings file [default: ./holdfast.toml if there is one] [env: HOLDFAST_CONFIG]");
        command.args(ENTRIES.iter().map(Entry::flag)).arg(config)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = Settings::read(self.flags, &super::variable)?;
        let _lines = log::start(&settings.log_level, settings.log_format)?;
        super::block_on(serve(settings))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Everything that listens.
struct Listeners {
    http: Option<Listener>,
    https: Option<(Listener, Arc<ServerConfig>, Certificate)>,
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let folder = Folder::at(&settings.data_dir);
    let locations = Locations::declared(&settings)?;
    let has_rows = settings.database.is_none();
    if has_rows {
        remains::refuse_if_without_rows(&folder, &locations)?;
    }
    folder.create(Remains::Refuse, has_rows)?;
    let held = folder.hold()?;
    let http = bind(settings.http.as_ref(), "http").await?;
    let https = bind(settings.https.as_ref(), "https").await?;
    let outgoing = settings.outgoing().context("cannot set up outgoing requests")?;
    let files = Files::take();
    let opened = App::open(&settings, folder, held, &locations, Remains::Refuse).await;
    let app = Arc::new(opened?);
    app.probe().await?;
    locations.store(&app.folder)?;
    let https = match https {
        Some(listener) => {
            let (config, certificate) = certificate(&settings, &app)?;
            Some((listener, config, certificate))
        }
        None => None,
    };
    let outcome = run(&settings, &app, files, Listeners { http, https }, outgoing).await;
    app.close().await;
    outcome
}

async fn bind(
    address: Option<&crate::settings::ListenAddress>,
    scheme: &'static str,
) -> anyhow::Result<Option<Listener>> {
    match address {
        Some(address) => Ok(Some(Listener::bind(address, scheme).await?)),
        None => Ok(None),
    }
}

/// Starts everything, waits for a signal, and ends everything: first what brings work, then the work, then the rest.
async fn run(
    settings: &Settings,
    app: &Arc<App>,
    files: Files,
    listeners: Listeners,
    outgoing: Outgoing,
) -> anyhow::Result<()> {
    let shutdown = Shutdown::default();
    let (listening, connections, tasks) = (TaskTracker::new(), TaskTracker::new(), TaskTracker::new());
    let addresses = addresses(settings, app, &listeners);
    let metrics = Arc::new(Metrics::new(app.rows.clone()));
    let acceptor = Arc::new(Acceptor {
        service: Arc::new(service(
            settings,
            app,
            &metrics,
            &addresses,
            &outgoing,
            files,
            shutdown.draining.clone(),
        )),
        shutdown: shutdown.clone(),
        connections: connections.clone(),
        slots: Arc::new(Slots::new(files.connections, settings.trusted_proxies.clone())),
    });
    let context = Arc::new(Context {
        app: Arc::clone(app),
        addresses: addresses.clone(),
        gc_grace: settings.gc_grace,
        metrics: Some(Arc::clone(&metrics)),
    });
    let admin_socket = AdminSocket::open(app.folder.socket())?;
    let node = join_others(app).await?;
    let maintenance = Maintenance {
        operator: app.operator.clone(),
        metrics,
        shutdown: shutdown.clone(),
        tasks: tasks.clone(),
        node: node.clone(),
    };
    note(&addresses, &app.folder);
    start_maintenance(settings, app, &maintenance);
    tasks.spawn(runner(app, outgoing).run(shutdown.stopping.clone()));
    tasks.spawn(admin_socket.serve(context, shutdown.clone()));
    let signals = Signals::catch().context("cannot catch signals")?;
    let signals = tasks.spawn(signals.obey(shutdown.clone(), settings.drain));
    if let Some(http) = listeners.http {
        acceptor.accept(http, None, &listening);
    }
    if let Some((https, config, certificate)) = listeners.https {
        maintenance.watch_certificate(certificate);
        acceptor.accept(https, Some(config), &listening);
    }
    greet(settings, app, &addresses);

    shutdown.stopping.cancelled().await;
    end(&[&listening]).await;
    end_connections(&connections, settings, &shutdown).await;
    signals.abort();
    end(&[&tasks]).await;
    if let Some(node) = node {
        node.end().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// Only commands without a server read the addresses; a full disk must not keep one from serving.
fn note(addresses: &Addresses, folder: &Folder) {
    if let Err(error) = addresses.store(folder) {
        tracing::warn!(error = format!("{error:#}"), "could not note the addresses");
    }
}

/// Waits for running requests as long as the grace period is, then cuts them off.
async fn end_connections(connections: &TaskTracker, settings: &Settings, shutdown: &Shutdown) {
    if timeout(settings.shutdown_grace, end(&[connections])).await.is_err() {
        let count = connections.len();
        tracing::warn!(
            connections = count,
            "requests still ran after the grace period; cutting them off"
        );
    }
    shutdown.cutting.cancel();
    end(&[connections]).await;
}

async fn end(trackers: &[&TaskTracker]) {
    for tracker in trackers {
        tracker.close();
        tracker.wait().await;
    }
}

fn runner(app: &App, outgoing: Outgoing) -> Arc<Runner> {
    Arc::new(Runner::new(RunnerParts {
        operator: app.operator.clone(),
        sealer: Arc::clone(&app.sealer),
        outgoing,
        ids: Arc::new(RandomIds),
        import_attempt_limit: IMPORT_ATTEMPT_LIMIT,
    }))
}

/// Of a shared database: says to the other nodes that this one is there.
async fn join_others(app: &App) -> anyhow::Result<Option<Node>> {
    let Rows::Postgres(_) = app.rows else { return Ok(None) };
    let node = Node::new(app.operator.clone());
    let reported = node.report(false).await;
    reported.context("cannot say to the other nodes that this one is there")?;
    Ok(Some(node))
}

fn start_maintenance(settings: &Settings, app: &App, maintenance: &Maintenance) {
    maintenance.report_node();
    if let Some(clock) = &app.database_clock {
        maintenance.follow_clock(clock, &app.rows);
        maintenance.look_at_keys(&app.keys);
    }
    maintenance.purge_uploads(settings.upload_idle);
    maintenance.forget_ended_jobs();
    if let Some(every) = settings.gc_interval {
        maintenance.collect_garbage(every, settings.gc_grace);
    }
}

fn service(
    settings: &Settings,
    app: &App,
    metrics: &Arc<Metrics>,
    addresses: &Addresses,
    outgoing: &Outgoing,
    files: Files,
    draining: CancellationToken,
) -> Service {
    let operator = &app.operator;
    let names = OwnNames::new(&settings.domain, &settings.hostnames);
    let directory = Arc::new(DirectoryIssuer::new(app.keys.in_force(), app.tenant, names));
    let throttle = Arc::new(Throttle::new());
    let (budget, sending) = (Budget::default(), Sending::new(files.sent));
    let hosts = Arc::new(Hosts::new(
        &settings.domain,
        addresses.login_server(""),
        &app.default_registry.name,
        &settings.hostnames,
    ));
    Service {
        hosts: Arc::clone(&hosts),
        distribution: Distribution::new(DistributionParts {
            front_door: Arc::clone(operator.front_door()),
            repositories: Arc::clone(operator.repositories()),
            issuer: Arc::new(Issuer::new(app.keys.in_force())),
            directory: Arc::clone(&directory),
            sealer: Arc::clone(&app.sealer),
            throttle: Arc::clone(&throttle),
            names: hosts,
            body_stall: settings.body_stall,
            budget: budget.clone(),
            sending: sending.clone(),
            writing: Writing::new(files.written),
        }),
        management: Management::new(ManagementParts {
            resources: Arc::clone(operator.resources().resources()),
            directory: Arc::clone(operator.directory()),
            sign_in: Arc::clone(operator.sign_in()),
            directory_issuer: directory,
            sealer: Arc::clone(&app.sealer),
            password_hasher: Arc::clone(&app.password_hasher),
            external_issuers: Arc::new(ExternalIssuers::new(Arc::new(Issuers(outgoing.clone())))),
            throttle,
            login_server_suffix: addresses.login_server(""),
            body_stall: settings.body_stall,
            budget: budget.clone(),
        }),
        base: Base::new(
            readiness(app),
            Arc::clone(metrics),
            settings.metrics_from.clone(),
            draining,
        ),
        metrics: Arc::clone(metrics),
        ids: RequestIds::new(),
        trusted_proxies: settings.trusted_proxies.clone(),
        body_stall: settings.body_stall,
        budget,
        sending,
        heads: Heads::default(),
        windows: Windows::default(),
    }
}

fn readiness(app: &App) -> Readiness {
    let database = app.folder.path().to_owned();
    let folders = std::iter::once(database).chain(app.locations.folders().map(|(_, folder)| folder.clone()));
    Readiness::new(app.operator.clone(), app.rows.port(), folders.collect())
}

fn addresses(settings: &Settings, app: &App, listeners: &Listeners) -> Addresses {
    let own_ca = listeners
        .https
        .as_ref()
        .filter(|(_, _, certificate)| certificate.own.is_some());
    let ca_file = own_ca.map(|_| {
        let path = app.folder.tls().join("ca.pem");
        std::path::absolute(&path).unwrap_or(path)
    });
    Addresses {
        http: listeners.http.as_ref().map(|listener| listener.address),
        https: listeners.https.as_ref().map(|(listener, ..)| listener.address),
        domain: settings.domain.clone(),
        ca_file,
    }
}

/// The operator's certificate, or one from the local CA, which is made if need be.
fn certificate(settings: &Settings, app: &App) -> anyhow::Result<(Arc<ServerConfig>, Certificate)> {
    let (files, own) = match &settings.tls {
        Some(files) => ((files.cert.clone(), files.key.clone()), None),
        None => {
            let names = Names::new(&settings.domain, &settings.hostnames)?;
            let now = app.operator.now().unix_secs();
            let paths = authority::ensure(&app.folder.tls(), &names, now).context("cannot make a certificate")?;
            ((paths.certificate, paths.key), Some((app.folder.clone(), names)))
        }
    };
    let current = Certificates::load(files.0, files.1).context("cannot use the certificate for HTTPS")?;
    let current = Arc::new(current);
    let config = tls::server_config(Arc::clone(&current))?;
    Ok((config, Certificate { current, own }))
}

fn greet(settings: &Settings, app: &App, addresses: &Addresses) {
    if app.is_new {
        welcome::first(settings, addresses, &app.default_registry.name);
    } else {
        welcome::again(settings);
    }
    let listeners = [("http", addresses.http), ("https", addresses.https)];
    for (scheme, address) in listeners {
        if let Some(address) = address {
            welcome::listening(scheme, address);
        }
    }
}
