//! Served worlds through the front doors: the core, then each protocol over loopback.
#![allow(clippy::unwrap_used)] // tests

mod chaos;
mod episodes;
mod openenv;
mod rest;
mod served;
mod support;
