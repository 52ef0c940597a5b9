//! The image itself: that it can be made again, and what is in it.

use std::fs;

use holdfast_e2e::Output;

use crate::checkout::{Image, MAKING, digest, version};

/// Where files of the image may lie, but for the program.
const PLACES: [&str; 5] = ["etc/", "lib/", "lib64/", "usr/share/doc/holdfast/", "var/lib/holdfast/"];

/// Makes the image once more, in the folder `name`.
fn make(image: &Image, name: &str, variables: &str) -> Output {
    let line = format!("{variables} tools/image --output {name}");
    image.sandbox.tool("bash").args(["-c", &line]).within(MAKING).run()
}

#[test]
fn the_same_program_makes_the_same_image_with_the_date_that_it_is_told() {
    let image = Image::get();
    assert_eq!(digest(&make(&image, "again", "")), image.digest);
    let [first, again] = ["target/image", "again"].map(|name| image.sandbox.read(&format!("{name}/docker.tar")));
    assert!(first == again, "the archives differ");
    let dated = digest(&make(&image, "dated", "SOURCE_DATE_EPOCH=1700000000"));
    assert_ne!(dated, image.digest);
    let layout = image.sandbox.path("dated/oci");
    let config = image
        .sandbox
        .run("skopeo", ["inspect", "--config", &format!("oci:{layout}")]);
    assert_eq!(config.json()["created"], "2023-11-14T22:13:20Z");
}

#[test]
fn nothing_is_in_the_image_but_the_program_and_what_it_needs() {
    let image = Image::get();
    let manifest = image.json(&image.digest);
    let layers = manifest["layers"].as_array().expect("an image has layers");
    let mut names = Vec::new();
    for layer in layers {
        let blob = image.blob(layer["digest"].as_str().expect("a descriptor has a digest"));
        let listed = image.sandbox.tool("tar").args(["--list", "--gzip", "--file"]);
        names.extend(listed.args([blob]).run().lines());
    }
    let mut files = names.iter().filter(|name| !name.ends_with('/'));
    let is_ours = |name: &&String| *name == "usr/bin/holdfast" || PLACES.iter().any(|place| name.starts_with(place));
    assert!(files.clone().all(|name| is_ours(&name)), "{names:?}");
    assert!(
        files.any(|name| name == "etc/ssl/certs/ca-certificates.crt"),
        "{names:?}"
    );
    let shell = names
        .iter()
        .find(|name| name.ends_with("sh") || name.ends_with("busybox"));
    assert_eq!(shell, None);
}

#[test]
fn the_image_says_who_it_runs_as_and_what_it_keeps() {
    let image = Image::get();
    let manifest = image.json(&image.digest);
    let config = image.json(
        manifest["config"]["digest"]
            .as_str()
            .expect("a descriptor has a digest"),
    );
    let settings = &config["config"];
    assert_eq!(settings["User"], "65532:65532");
    assert_eq!(settings["Entrypoint"], serde_json::json!(["/usr/bin/holdfast"]));
    assert_eq!(settings["Volumes"], serde_json::json!({"/var/lib/holdfast": {}}));
    assert_eq!(settings["Labels"]["org.opencontainers.image.version"], version());
    assert_eq!(settings["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0");
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let image = Image::get();
    let wrong = image
        .sandbox
        .tool("bash")
        .args(["-c", "tools/image --binary nowhere --output wrong"]);
    wrong.fail().says("there is no nowhere; run: cargo build --release");
    assert!(fs::metadata(image.sandbox.path("wrong")).is_err());
}
