//! The adapter against the committed vectors, the whole table of codes, and hostile bytes.

mod abnormal;
mod bills;
mod codes;
mod flips;
mod hostile;
mod inquiries;
mod notification;
mod plan;
mod presentations;
mod read;
mod scanned;
mod settings;
mod support;
