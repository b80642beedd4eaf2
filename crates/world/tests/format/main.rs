//! What the files of a world can say, through the front door: what must hold, and what is refused in words.
#![allow(clippy::unwrap_used)]

mod calls;
mod data;
mod post_office;
mod refused;
