//! The whole product on its real stores: the `hark` binary as a child process, spoken to over HTTP as the
//! platform and an integrator would.
#![expect(unreachable_pub, reason = "modules of a test binary")]
#![expect(clippy::print_stdout, reason = "a long run says how far it is and what it saw")]

mod harness;
mod kill;
mod provider;
mod restart;
mod whole_loop;
