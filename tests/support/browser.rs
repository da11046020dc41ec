//! As much of a browser as a cashier page needs: GET, POST of a form, and redirects that stay on loopback.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    pub body: String,
}

/// Opens a page and follows redirects.
pub async fn open(url: &str) -> Page {
    let mut url = url.to_owned();
    for _ in 0..5 {
        let page = request("GET", &url, "", &[]).await;
        match &page.location {
            Some(next) if next.starts_with("http://127.0.0.1") => url = next.clone(),
            _ => return page,
        }
    }
    panic!("too many redirects: {url}")
}

/// Posts a form and follows the redirect.
pub async fn post(url: &str, fields: &[(String, String)]) -> Page {
    let content = [("content-type", "application/x-www-form-urlencoded")];
    let page = request("POST", url, &encoded(fields), &content).await;
    match &page.location {
        Some(next) if next.starts_with("http://127.0.0.1") => open(next).await,
        _ => page,
    }
}

fn encoded(fields: &[(String, String)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value);
    }
    form.finish()
}

/// One request, one answer, of somebody who lives.
pub async fn request(method: &str, url: &str, body: &str, headers: &[(&str, &str)]) -> Page {
    attempt(method, url, body, headers).await.expect("somebody answers")
}

/// One request of somebody who may die meanwhile.
pub async fn attempt(method: &str, url: &str, body: &str, headers: &[(&str, &str)]) -> std::io::Result<Page> {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("not plain http: {url}"));
    let (host, target) =
        rest.split_once('/').map_or((rest, String::from("/")), |(host, path)| (host, format!("/{path}")));
    let mut stream = TcpStream::connect(host).await?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    });
    let location =
        location.map(|next| if next.starts_with('/') { format!("http://{host}{next}") } else { next });
    Ok(Page { status, location, body: body.to_owned() })
}
