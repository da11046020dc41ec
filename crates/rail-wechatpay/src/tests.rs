//! The adapter against the committed vectors, the whole table of codes, and hostile bytes.

mod codes;
mod hostile;
mod notification;
mod plan;
mod read;
mod settings;
mod support;
