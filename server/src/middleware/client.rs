//! Which address a request comes from. What a header says of it counts only as far as a proxy of ours has said it.

use crate::app::App;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The other end of the connection; an extension of every request that came over one.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Who is asking, by address; an extension of every request that came over a connection. Never logged, never a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What limits count by: of version 6 the first 64 bits, which is what one customer of a network gets.
    pub fn bucket(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
        }
    }
}

/// Finds the client's address.
pub async fn attach(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
        let client = client(peer, request.headers(), &app.settings.http.trusted_proxies);
        request.extensions_mut().insert(ClientAddress(client));
    }
    next.run(request).await
}

/// Reads `X-Forwarded-For` from the right, where our own proxy has written, as long as those it names are trusted too. Each
/// proxy appends who asked it, and can be told anything about who had asked before.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(&client) {
        return client;
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    for hop in lines.flat_map(|line| line.to_str().unwrap_or("unreadable").rsplit(',')) {
        // Whatever stands left of nonsense is nonsense.
        let Some(address) = address(hop.trim()) else { return client };
        client = address;
        if !is_trusted(&client) {
            return client;
        }
    }
    client
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let address: IpAddr = text.parse::<SocketAddr>().map(|socket| socket.ip()).ok().or_else(bare)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_may_say_what_it_likes() {
        assert_eq!(found("203.0.113.9", &["1.1.1.1"], &[]), "203.0.113.9");
        assert_eq!(found("203.0.113.9", &["1.1.1.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(found("::ffff:203.0.113.9", &[], &[]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_is_believed_as_far_as_it_knows() {
        let ours = ["10.0.0.0/8", "fd00::/8"];
        for (lines, client) in [
            (vec![], "10.0.0.1"),
            (vec!["203.0.113.9"], "203.0.113.9"),
            // Forged on the left, appended on the right.
            (vec!["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            (vec!["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
            (vec!["1.1.1.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (vec!["1.1.1.1, 203.0.113.9 ,10.0.0.2", "fd00::1"], "203.0.113.9"),
            // A trusted hop that was told to name a trusted one ends where nobody is left.
            (vec!["10.0.0.7"], "10.0.0.7"),
            (vec!["203.0.113.9, garbage"], "10.0.0.1"),
            (vec!["203.0.113.9, garbage, 10.0.0.2"], "10.0.0.2"),
            (vec!["203.0.113.9, "], "10.0.0.1"),
            (vec!["203.0.113.9:4711"], "203.0.113.9"),
            (vec!["[2001:db8::5]:80"], "2001:db8::5"),
            (vec!["2001:db8::5"], "2001:db8::5"),
            (vec!["::ffff:203.0.113.9"], "203.0.113.9"),
        ] {
            assert_eq!(found("10.0.0.1", &lines, &ours), client, "{lines:?}");
        }
    }

    #[test]
    fn the_addresses_of_one_line_of_version_6_are_one() {
        let bucket = |text: &str| ClientAddress(text.parse().unwrap()).bucket().to_string();
        assert_eq!(bucket("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(bucket("203.0.113.9"), "203.0.113.9");
    }
}
