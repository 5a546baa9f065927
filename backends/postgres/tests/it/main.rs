//! What only PostgreSQL has to prove: many writers, faults of server and connection, nodes that wake each other, and that a
//! search reads nobody else's rows.

mod archive;
mod concurrency;
mod faults;
mod nodes;
mod place;
mod vectors;
mod veil;
mod wire;
mod words;
