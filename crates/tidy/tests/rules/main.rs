//! The rules that a program can check, a claim each. Where the tree breaks one the tree is mended; an exception is named
//! here, with its reason.

mod comment;
mod floor;
mod form;
mod package;
mod reader;
