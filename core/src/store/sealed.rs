//! What a backend keeps sealed, as whoever seals it anew sees it.

use crate::crypt::{Purpose, Sealed};
use crate::{Result, TenantId};
use async_trait::async_trait;
use std::fmt::Debug;

/// A sealed value, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// Whose it is.
    pub tenant: TenantId,
    /// What the store finds it by, in its own words; unique within a tenant and a purpose.
    pub place: String,
    /// What it is bound to ([`Vault::seal`](crate::crypt::Vault::seal)).
    pub record: String,
    /// The value.
    pub sealed: Sealed,
}

/// A value sealed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// Whose it is.
    pub tenant: TenantId,
    /// As [`SealedValue::place`].
    pub place: String,
    /// The value as it was read.
    pub standing: Sealed,
    /// What shall stand in its place.
    pub new: Sealed,
}

/// A backend that keeps something sealed: how an encryption key is taken out of use. Everything here is about all tenants,
/// and nothing here opens anything.
///
/// A value belongs to the key whose id stands in front of it ([`Sealed::key_id`]). One that is in the clear, from before
/// values of its kind were sealed ([`Purpose::is_sealed_by_store`]), belongs to the empty id. Other bytes that name none, or an
/// empty one, are not of our making and are never told of here.
#[async_trait]
pub trait SealedStore: Debug + Send + Sync + 'static {
    /// By which keys something is sealed, in the order of purposes and then of ids, each pair once. Cheap: its cost goes with
    /// the number of pairs, not of values, so that it can be asked at every start.
    async fn sealing_keys(&self) -> Result<Vec<(Purpose, String)>>;

    /// How many values of a purpose are sealed by the key of that id. The cost goes with that number.
    async fn count_sealed(&self, purpose: Purpose, key: &str) -> Result<u64>;

    /// Values of a purpose that are sealed by the key of that id, in a stable order, at most `limit`, the first `skip` left
    /// out. Of a purpose the backend does not keep there are none.
    async fn sealed_by(&self, purpose: Purpose, key: &str, skip: u64, limit: usize) -> Result<Vec<SealedValue>>;

    /// Replaces values of a purpose by the same sealed anew, each for itself, if what was read still stands: what somebody
    /// else has changed, taken away or sealed anew meanwhile is left alone. Answers how many were replaced. Nothing else
    /// changes, no revision among it: a value says what it said. Twice is the same as once.
    async fn reseal(&self, purpose: Purpose, values: &[Resealed]) -> Result<u64>;
}
