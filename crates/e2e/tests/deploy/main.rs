//! Holdfast run for good, by what deploy/ has: the image, in a container; the unit, under a systemd of its own; the
//! manifests and the chart, by Kubernetes' schemas, for no cluster runs here. Every command of docs/deploying.md is run
//! as it stands there.

mod checkout;
mod compose;
mod container;
mod image;
mod kubernetes;
mod machine;
mod service;
mod settings;
