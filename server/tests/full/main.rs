//! The whole product on its real stores: the `hark` binary as a child process, spoken to over HTTP as the
//! platform and an integrator would.
#![expect(unreachable_pub, reason = "modules of a test binary")]
#![expect(clippy::print_stdout, reason = "a long run says how far it is and what it saw")]
#![cfg_attr(not(feature = "bundled"), expect(dead_code, reason = "what the other tests need"))]

mod harness;
#[cfg(feature = "bundled")]
mod kill;
mod load;
mod nodes;
#[cfg(feature = "bundled")]
mod provider;
#[cfg(feature = "bundled")]
mod restart;
#[cfg(feature = "bundled")]
mod whole_loop;
