//! What only SQLite has to prove: faults of the file, other processes, calls that are given up half-way.

mod archive;
mod concurrency;
mod decay;
mod faults;
mod place;
mod reconcile;
mod veil;
