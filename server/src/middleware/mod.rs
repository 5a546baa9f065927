//! What happens to every request around its handler.

pub mod audit;
pub mod auth;
pub mod client;
pub mod limits;
pub mod observe;
pub mod principal;
pub mod request_id;
pub mod signature;
