//! What the emulator promises, through TLS as a client meets it. The section in a test's comment
//! is that of the fact sheet on Graph and Entra ID.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod addressing;
mod children;
mod control;
mod download;
mod entra;
mod items;
mod people;
mod program;
mod requests;
mod restart;
mod stage;
mod tls;
