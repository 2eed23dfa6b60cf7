//! The tasks: the sample resource, and the data of the web app.
//! In: a principal and a request for tasks. Out: the tasks of that principal only.
//! Owns: no query runs without a [`Principal`](signet_verify::jose::claims::Principal), and each names the owner.

pub mod task;
