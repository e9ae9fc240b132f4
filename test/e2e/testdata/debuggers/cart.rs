//! Stands in for cart, in Rust: answers each call with what it finds in the pod.
use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn answer(mut caller: TcpStream) {
    let mut request = [0u8; 4096];
    if caller.read(&mut request).unwrap_or(0) == 0 {
        return;
    }
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let currency = env::var("CURRENCY").unwrap();
    let total = currency.len() as i32;
    let body = format!("{{\"servedBy\":\"{}\",\"currency\":\"{}\",\"total\":{}}}", name.trim(), currency, total); // breakpoint here
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = caller.write_all((head + &body).as_bytes());
}

fn main() {
    let listener = TcpListener::bind(env::var("LISTEN").unwrap()).unwrap();
    for caller in listener.incoming() {
        let caller = caller.unwrap();
        thread::spawn(move || answer(caller));
    }
}
