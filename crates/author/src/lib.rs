//! A domain of tool specs becomes a world.
mod classify;
mod compile;
mod data;
mod entity;
mod links;
mod operation;
mod plan;
mod policy;
mod render;
mod resources;
mod sql_text;
mod words;

pub use compile::{Authored, AuthoredWorld, Options, Uncertain, compile, world_names};
