//! Policy around calls to models.

mod cache;
mod meter;
mod owners;
mod profiles;

pub use cache::{CachedEmbedder, EmbeddingCacheConfig, EmbeddingTiers};
pub use meter::{MeteredChat, MeteredEmbedder};
pub use owners::spoken_by;
pub use profiles::Profiles;
