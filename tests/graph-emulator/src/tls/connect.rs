//! HTTP CONNECT, for clients that can be given a proxy but not a name map.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hosts;

/// A CONNECT request is a line and a few headers.
const MAX_HEAD: usize = 8 * 1024;

/// Reads one request and answers it. On `Ok(true)` the tunnel is open and TLS follows; on
/// `Ok(false)` the client was told why not.
pub(super) async fn open_tunnel(stream: &mut TcpStream) -> std::io::Result<bool> {
    let answer = match read_head(stream).await? {
        Some(head) => judge(&head),
        None => Answer::TooLarge,
    };
    stream.write_all(answer.bytes()).await?;
    if answer != Answer::Established {
        stream.shutdown().await?;
    }
    Ok(answer == Answer::Established)
}

/// Byte by byte, since what follows the blank line belongs to TLS. `None` if it is too long.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            return Ok(None);
        }
        head.push(stream.read_u8().await?);
    }
    Ok(Some(head))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Established,
    Malformed,
    NotServed,
    TooLarge,
}

impl Answer {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Established => b"HTTP/1.1 200 Connection Established\r\n\r\n",
            Self::Malformed => {
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 37\r\n\r\n\
                  speak TLS here, or CONNECT host:port\n"
            }
            Self::NotServed => {
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 36\r\n\r\n\
                  this host and port are not emulated\n"
            }
            Self::TooLarge => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\
                  Content-Length: 0\r\n\r\n"
            }
        }
    }
}

fn judge(head: &[u8]) -> Answer {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return Answer::Malformed };
    let words: Vec<&str> = line.split(' ').collect();
    let ["CONNECT", target, "HTTP/1.1" | "HTTP/1.0"] = words[..] else { return Answer::Malformed };
    match target.rsplit_once(':') {
        Some((_, "443")) if hosts::service(&hosts::without_port(target)).is_some() => {
            Answer::Established
        }
        Some(_) => Answer::NotServed,
        None => Answer::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_opens_to_a_served_name_on_port_443_only() {
        let judged = |line: &str| judge(format!("{line}\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(judged("CONNECT graph.microsoft.com:443 HTTP/1.1"), Answer::Established);
        assert_eq!(judged("CONNECT graph.microsoft.com:80 HTTP/1.1"), Answer::NotServed);
        assert_eq!(judged("CONNECT example.com:443 HTTP/1.1"), Answer::NotServed);
        assert_eq!(judged("CONNECT graph.microsoft.com HTTP/1.1"), Answer::Malformed);
        assert_eq!(judged("GET / HTTP/1.1"), Answer::Malformed);
        assert_eq!(judged("\u{1f980}"), Answer::Malformed);
    }

    #[test]
    fn the_announced_length_of_a_refusal_is_true() {
        for answer in [Answer::Malformed, Answer::NotServed, Answer::TooLarge] {
            let text = std::str::from_utf8(answer.bytes()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{text}");
        }
    }
}
