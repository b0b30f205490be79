//! What guests may reach, and how: a policy decides, one pooled client per tenant connects, a hook
//! sends, a pump reads ahead.

mod address;
mod client;
mod endpoint_map;
mod failure;
mod hook;
mod pattern;
mod policy;
mod pump;
#[cfg(test)]
mod tests;

pub(crate) use client::{Clients, TenantClient};
pub use endpoint_map::EndpointMap;
pub(crate) use failure::error_code;
pub(crate) use hook::EgressHook;
pub(crate) use policy::{Policies, Policy};
