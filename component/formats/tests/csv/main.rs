//! Delimited text as its users meet it: what is found out about a file, and what its rows are.

mod files;
mod matrix;
mod properties;
#[path = "../reading/mod.rs"]
mod reading;
mod rows;
