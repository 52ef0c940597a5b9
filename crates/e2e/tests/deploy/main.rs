//! Holdfast run for good, by what deploy/ has: the image, and the image in a container.

mod checkout;
mod container;
mod image;
