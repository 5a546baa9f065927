//! Policy around calls to models.

mod profiles;

pub use profiles::Profiles;
