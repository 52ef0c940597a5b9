//! A PostgreSQL of the tests' own: a real cluster in a folder that goes with it, on a free loopback port, flushing to the disk
//! as always. It refuses to use one that runs already, and never passes a test because there is none.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

/// Where Debian's package has the programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// The role that tests connect as: the owner of its databases, and no more than that.
const ROLE: &str = "holdfast";
/// Its password.
const PASSWORD: &str = "s3cret word";
/// How often a port is chosen that somebody else takes first.
const PORTS_TRIED: u32 = 5;

/// Stops the cluster and removes its folder when the process that made it has gone, however it went.
const KEEPER: &str = r#"read -r line; "$@" >/dev/null 2>&1; rm -rf "$FOLDER""#;

/// A cluster that runs.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    keeper: Child,
}

/// The cluster that the tests of one binary share; it is stopped when the binary ends.
///
/// # Panics
/// When PostgreSQL is not there or does not start.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// When PostgreSQL is not there or does not start.
    pub fn start() -> Self {
        let programs = Path::new(PROGRAMS);
        assert!(
            programs.join("initdb").exists(),
            "PostgreSQL 15 is not in {PROGRAMS}; tools/install brings it"
        );
        let folder = TempDir::with_prefix("holdfast-pg-")
            .expect("a folder can be made")
            .keep();
        let data = folder.join("data");
        std::fs::create_dir(&data).expect("a folder can be made");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        if is_root() {
            run(Command::new("chown").arg("-R").arg("postgres").arg(&folder));
        }
        let mut initdb = as_postgres(&programs.join("initdb"));
        // A locale that sorts otherwise than by bytes: what needs bytes must ask for them.
        initdb.args([
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "-U",
            "postgres",
            "-E",
            "UTF8",
        ]);
        run(initdb.arg("--locale=C.UTF-8").arg("-D").arg(&data));
        let port = start_on_a_free_port(&folder);
        let keeper = keep(&folder);
        let postgres = Self {
            folder,
            port,
            databases: AtomicU32::new(0),
            keeper,
        };
        postgres.psql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'"));
        postgres
    }

    /// Makes an empty database, and gives its name.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.psql(
            "postgres",
            &format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0"),
        );
        name
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgresql://{ROLE}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says something to a database as its superuser; gives the answer, without a head and a foot.
    ///
    /// # Panics
    /// When PostgreSQL refuses.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut psql = as_postgres(Path::new(PROGRAMS).join("psql").as_path());
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-d",
            database,
            "-h",
        ]);
        psql.arg(&self.folder).args(["-p", &self.port.to_string(), "-c", sql]);
        run(&mut psql).trim().to_owned()
    }

    /// Stops it at once, as a crash does, and starts it again on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        self.stop();
        self.resume();
    }

    /// Stops it at once, as a crash does.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop(&self) {
        run(pg_ctl(&self.folder).args(["-m", "immediate", "-w", "stop"]));
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&self) {
        run(&mut starting(&self.folder, self.port));
    }
}

/// pgbouncer before a cluster.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    port: u16,
}

impl Pooler {
    /// Starts one that gives a connection for a `transaction` or for a `session`.
    ///
    /// # Panics
    /// When pgbouncer is not there or does not start.
    pub fn start(postgres: &Postgres, mode: &str) -> Self {
        let port = free_port();
        let file = postgres.folder.join(format!("pooler-{port}.ini"));
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user={ROLE} password='{PASSWORD}'\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = {mode}\nunix_socket_dir =\n",
            postgres.port
        );
        std::fs::write(&file, settings).expect("the folder is writable");
        let mut command = Command::new(if is_root() { "setpriv" } else { "pgbouncer" });
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "pgbouncer"]);
        }
        let command = command.arg("-q").arg(&file).stdin(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("pgbouncer starts; tools/install brings it");
        let pooler = Self { process, port };
        let is_up = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        let waited = (0..600).any(|_| {
            is_up() || {
                std::thread::sleep(Duration::from_millis(50));
                false
            }
        });
        assert!(waited, "pgbouncer does not listen");
        pooler
    }

    /// The URL of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{ROLE}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut line) = self.keeper.stdin.take() {
            // It ends by the line or by the end of it.
            drop(line.write_all(b"stop\n"));
        }
        drop(self.keeper.wait());
    }
}

/// Starts what stops the cluster in the end.
fn keep(folder: &Path) -> Child {
    let stop = pg_ctl(folder);
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", KEEPER, "keeper"])
        .arg(stop.get_program())
        .args(stop.get_args());
    keeper.args(["-m", "immediate", "-w", "stop"]).env("FOLDER", folder);
    // A group of its own: whoever interrupts the test does not end it.
    std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
    let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    keeper.spawn().expect("a shell can be started")
}

fn start_on_a_free_port(folder: &Path) -> u16 {
    for _ in 0..PORTS_TRIED {
        let port = free_port();
        let mut start = starting(folder, port);
        if start
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
        {
            return port;
        }
    }
    let mut log = String::new();
    let read = std::fs::File::open(folder.join("log")).and_then(|mut file| file.read_to_string(&mut log));
    panic!("PostgreSQL did not start: {read:?} {log}");
}

fn starting(folder: &Path, port: u16) -> Command {
    let mut command = pg_ctl(folder);
    // The port may be taken by something that listens elsewhere too, so it is named for the socket as well.
    let options = format!("-p {port} -h 127.0.0.1 -k {} -c max_connections=200", folder.display());
    command
        .arg("-l")
        .arg(folder.join("log"))
        .args(["-w", "-o", &options, "start"]);
    command
}

fn pg_ctl(folder: &Path) -> Command {
    let mut command = as_postgres(&Path::new(PROGRAMS).join("pg_ctl"));
    command.arg("-D").arg(folder.join("data"));
    command
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

fn run(command: &mut Command) -> String {
    // Not a pipe that a daemon would keep open: what is said goes to a file.
    let mut said = tempfile::tempfile().expect("a file can be made");
    let copy = || said.try_clone().expect("a file has copies");
    let status = command.stdout(copy()).stderr(copy()).status();
    let mut text = String::new();
    std::io::Seek::rewind(&mut said).expect("a file goes back to its beginning");
    said.read_to_string(&mut text).expect("programs say text");
    assert!(
        status.as_ref().is_ok_and(|status| status.success()),
        "{command:?}: {status:?}: {text}"
    );
    text
}
