//! The whole application, quickly: the real router and worker on in-memory stores and fake models.

mod audit;
mod backup;
mod backup_home;
mod conflicts;
mod consent;
mod costs;
mod decay;
mod erasure;
mod export;
#[path = "../support/fake_elevenlabs.rs"]
mod fake_elevenlabs;
mod fakes;
mod fault_matrix;
mod full_disk;
mod harness;
mod identity;
mod initiation;
mod isolation;
mod keys;
mod leaks;
mod limits;
mod missed;
mod operations;
mod outage;
mod own_routes;
mod post_call;
mod quality;
mod receipts;
mod redaction;
mod retention;
mod stores;
mod switched_keys;
mod switches;
mod tenants;
mod tools;
mod worker;
