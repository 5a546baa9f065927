//! The whole product on its real stores: the `hark` binary as a child process, spoken to over HTTP as the
//! platform and an integrator would.
#![expect(unreachable_pub, reason = "modules of a test binary")]

mod harness;
mod kill;
mod provider;
mod restart;
mod whole_loop;
