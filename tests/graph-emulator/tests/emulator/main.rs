//! What the emulator promises, through TLS as a client meets it. The section in a test's comment
//! is that of the fact sheet on Graph and Entra ID.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod addressing;
mod arbitrary;
mod children;
mod clouds;
mod control;
mod delta;
mod download;
mod drives;
mod entra;
mod entra_applications;
mod entra_authorize;
mod entra_consent;
mod entra_device;
mod entra_discovery;
mod entra_refresh;
mod entra_refusals;
mod faults;
mod items;
mod network;
mod oddities;
mod people;
mod program;
mod requests;
mod restart;
mod scale;
mod search;
mod stage;
mod throttling;
mod tls;
mod writes;
