//! What `holdfast serve` tells people on standard output: once, what to type next; later, where the credentials are had;
//! and one line for each listener, which scripts wait for. It never shows a password.

use std::path::Path;

use crate::{operator::addresses::Addresses, output::say, settings::Settings};

/// Told at the first start.
pub(crate) fn first(settings: &Settings, addresses: &Addresses, username: &str) {
    let login_server = addresses.default_login_server();
    let credentials = command(settings, "credentials");
    say(&format!(
        "Holdfast made a registry for you; its data lies in {}.

Sign in, push and pull:

  {credentials} --password | docker login {login_server} --username {username} --password-stdin
  docker tag my-image {login_server}/my-image
  docker push {login_server}/my-image
  docker pull {login_server}/my-image
",
        settings.data_dir.display()
    ));
    if addresses.http.is_none() {
        trust(settings, addresses, &login_server);
    }
}

/// Told at every other start.
pub(crate) fn again(settings: &Settings) {
    say(&format!(
        "For the credentials, run: {}",
        command(settings, "credentials")
    ));
}

/// One line for each listener; printed when everything is ready.
pub(crate) fn listening(scheme: &str, address: std::net::SocketAddr) {
    say(&format!("listening on {scheme}://{address}"));
}

fn trust(settings: &Settings, addresses: &Addresses, login_server: &str) {
    if addresses.ca_file.is_some() {
        let ca = command(settings, "ca");
        say(&format!(
            "Docker must trust its certificate first:

  sudo mkdir -p /etc/docker/certs.d/{login_server}
  {ca} | sudo tee /etc/docker/certs.d/{login_server}/ca.crt
"
        ));
    }
}

/// A command as it can be typed here.
fn command(settings: &Settings, name: &str) -> String {
    let program = std::env::args_os().next().unwrap_or_else(|| "holdfast".into());
    let mut line = format!("{} {name}", quoted(Path::new(&program)));
    if !settings.is_data_dir_default {
        line.push_str(&format!(" --data-dir {}", quoted(&settings.data_dir)));
    }
    line
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell_where_needed() {
        for (path, shown) in [
            ("./holdfast-data", "./holdfast-data"),
            ("/srv/my data", "'/srv/my data'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(Path::new(path)), shown);
        }
    }
}
