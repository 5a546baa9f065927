//! A way to the fake that can be cut.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

const OPEN: u8 = 0;
const CUT: u8 = 1;
const SILENT: u8 = 2;

#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    state: Arc<AtomicU8>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// One in front of a port of this machine, open.
    pub(crate) fn new(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, connections) = (Arc::new(AtomicU8::new(OPEN)), Arc::new(Mutex::new(Vec::new())));
        let proxy = Self { port, state: state.clone(), connections: connections.clone() };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let keep = |stream: &TcpStream| {
                    let mut kept: std::sync::MutexGuard<'_, Vec<TcpStream>> =
                        connections.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend(stream.try_clone());
                };
                match state.load(Ordering::SeqCst) {
                    CUT => drop(client),
                    SILENT => keep(&client),
                    _ => {
                        let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
                        keep(&client);
                        keep(&server);
                        forward(client.try_clone().unwrap(), server.try_clone().unwrap());
                        forward(server, client);
                    }
                }
            }
        });
        proxy
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every connection is gone, and a new one breaks off.
    pub(crate) fn cut(&self) {
        self.turn(CUT);
    }

    /// Every connection is gone, and a new one is never answered.
    pub(crate) fn fall_silent(&self) {
        self.turn(SILENT);
    }

    /// All is well again.
    pub(crate) fn mend(&self) {
        self.turn(OPEN);
    }

    fn turn(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
        for connection in self.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // It may be closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return to.shutdown(Shutdown::Write);
            }
            to.write_all(&buffer[..read])?;
        }
    });
}
