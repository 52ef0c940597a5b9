//! The unit of systemd: the commands of docs/deploying.md for it, under a real systemd, and how much of the machine is
//! left to the process.

use holdfast_e2e::page::Page;
use holdfast_e2e::{Output, Sandbox, project};

use crate::checkout::comes_true;
use crate::machine::Machine;

/// The exposure that `systemd-analyze security` may find, in tenths: 100 for a service that may do everything.
const EXPOSURE: &str = "--threshold=20";
/// What deploy/systemd/private.toml calls the server and the VPN's address.
const DOMAIN: &str = "registry.example.com";
const ADDRESS: &str = "10.8.0.1";
/// How curl ends where nobody listens.
const COULD_NOT_CONNECT: i32 = 7;
/// Makes the certificate of the server.
const CERTIFICATE: &str = "cd project && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -keyout server.key -out server.pem -subj /CN=registry.example.com \
    -addext 'subjectAltName=DNS:registry.example.com,DNS:*.registry.example.com'";

/// Asks the server `host` at `address` whether it is ready.
fn ask(machine: &Machine, within: &str, host: &str, address: &str) -> Output {
    let resolve = format!("--resolve {host}:443:{address}");
    machine.attempt(&format!(
        "{within} curl --silent --show-error --insecure --max-time 5 {resolve} https://{host}/readyz"
    ))
}

fn wait_ready(machine: &Machine, host: &str, address: &str) {
    let is_ready = comes_true(|| ask(machine, "", host, address).text() == "ready");
    assert!(is_ready, "{}\n{}", ask(machine, "", host, address), machine.journal());
}

#[test]
fn the_unit_leaves_little_exposed() {
    let unit = project::root().join("deploy/systemd/holdfast.service");
    let analysed = Sandbox::new()
        .tool("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true", EXPOSURE])
        .args([unit])
        .finish();
    assert!(analysed.success(), "{analysed}");
}

#[test]
fn every_command_for_systemd_works_as_it_stands_there() {
    let machine = Machine::start();
    let page = Page::read("docs/deploying.md");
    for line in &page.section("As a service of systemd").commands {
        machine.type_in(line);
        if line.contains("systemctl enable") || line.contains("systemctl restart") {
            wait_ready(&machine, "localhost", "127.0.0.1");
        }
    }
    machine.type_in("systemd-analyze verify --man=no /etc/systemd/system/holdfast.service");
    assert_confined(&machine);
    assert_it_comes_back(&machine);
    assert_private(&machine, &page);
    machine.type_in("systemctl stop holdfast");
    let result = machine.type_in("systemctl show --property=Result --value holdfast");
    assert_eq!(result.text(), "success");
}

/// Asserts of the running process what the unit asks for.
fn assert_confined(machine: &Machine) {
    let process = "/proc/$(systemctl show --property=MainPID --value holdfast)";
    let status = machine.type_in(&format!("cat {process}/status")).text();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
    };
    let user = machine.type_in("id --user holdfast").text();
    assert_eq!(field("Uid:"), [user.as_str(); 4].join("\t"));
    // CAP_NET_BIND_SERVICE alone.
    for set in ["CapEff:", "CapBnd:"] {
        assert_eq!(field(set), format!("{:016x}", 1 << 10), "{set}");
    }
    assert_eq!(
        (field("NoNewPrivs:"), field("Seccomp:")),
        ("1".to_owned(), "2".to_owned())
    );
    // The fields: id, parent, device, root, mount point, options.
    let mounts = machine.type_in(&format!("cat {process}/mountinfo")).text();
    let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let root = mounts.find(|mount| mount[4] == "/").expect("there is a root");
    assert!(root[5].split(',').any(|option| option == "ro"), "{root:?}");
    let data = machine.type_in("stat --format='%U %a' /var/lib/holdfast");
    assert_eq!(data.text(), "holdfast 700");
}

fn assert_it_comes_back(machine: &Machine) {
    machine.type_in("systemctl kill --signal=KILL holdfast");
    let restarts = "systemctl show --property=NRestarts --value holdfast";
    assert!(
        comes_true(|| machine.type_in(restarts).text() == "1"),
        "{}",
        machine.journal()
    );
    wait_ready(machine, "localhost", "127.0.0.1");
}

/// Runs the commands for a machine without a public endpoint, and asserts that it has none. The VPN comes up after the
/// service, and somebody outside sends to its address.
fn assert_private(machine: &Machine, page: &Page) {
    machine.sandbox.tool("bash").args(["-c", CERTIFICATE]).run();
    machine.type_in(
        "ip link set lo up; ip netns add outside; ip link add public0 type veth peer name eth0 netns outside; \
         ip address add 192.0.2.1/24 dev public0; ip link set public0 up; \
         ip -n outside address add 192.0.2.2/24 dev eth0; ip -n outside link set eth0 up; \
         ip -n outside route add 10.8.0.0/24 via 192.0.2.1",
    );
    let (firewall, install): (Vec<String>, Vec<String>) = page
        .section("Without a public endpoint")
        .commands
        .into_iter()
        .partition(|line| line.contains("iptables"));
    assert_eq!((install.len(), firewall.len()), (4, 3));
    for line in &install {
        machine.type_in(line);
    }
    machine.type_in(&format!(
        "ip link add wg0 type bridge; ip address add {ADDRESS}/24 dev wg0; ip link set wg0 up"
    ));
    wait_ready(machine, DOMAIN, ADDRESS);
    for elsewhere in ["127.0.0.1", "192.0.2.1"] {
        let refused = ask(machine, "", DOMAIN, elsewhere);
        assert_eq!(refused.code(), Some(COULD_NOT_CONNECT), "{refused}");
    }
    let registry = format!("holdfast.{DOMAIN}");
    let certified = machine.type_in(&format!(
        "curl --silent --cacert server.pem --output /dev/null --write-out '%{{http_code}}' \
         --resolve {registry}:443:{ADDRESS} https://{registry}/v2/"
    ));
    assert_eq!(certified.text(), "401");
    let outside = "ip netns exec outside";
    assert_eq!(
        ask(machine, outside, DOMAIN, ADDRESS).text(),
        "ready",
        "without a firewall it is open"
    );
    for line in &firewall {
        machine.type_in(line);
    }
    assert!(
        !ask(machine, outside, DOMAIN, ADDRESS).success(),
        "the firewall lets it through"
    );
    assert_eq!(ask(machine, "", DOMAIN, ADDRESS).text(), "ready");
}
