//! What only PostgreSQL has to prove: many writers, faults of server and connection, nodes that wake each other.

mod archive;
mod concurrency;
mod faults;
mod nodes;
mod place;
mod veil;
mod wire;
