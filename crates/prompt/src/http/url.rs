//! Which URLs are fetched, and where redirects lead.

use ureq::http::Uri;

use crate::error::UrlProblem;

/// A URL as logs and errors may show it: without user, password and query.
pub(crate) fn redacted(url: &str) -> String {
    let Ok(uri) = url.parse::<Uri>() else { return "a URL that is none".to_owned() };
    let (scheme, host) = (uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or_default());
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{host}{port}{}", uri.path())
}

/// Refuses what is no http or https URL, or of no host among `hosts`.
pub(super) fn is_allowed(uri: &Uri, hosts: &[String]) -> Result<(), UrlProblem> {
    let port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return Err(UrlProblem::NotHttp),
    };
    let authority = uri.authority().ok_or(UrlProblem::NotHttp)?;
    // A user in front of the host is what makes one host look like another.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(UrlProblem::NotHttp);
    }
    let (host, told) = (authority.host(), authority.port_u16());
    let matches = |allowed: &String| {
        let (name, only) = match allowed.rsplit_once(':') {
            Some((name, only)) if !name.contains(':') || name.ends_with(']') => match only.parse() {
                Ok(only) => (name, Some(only)),
                Err(_) => (allowed.as_str(), None),
            },
            _ => (allowed.as_str(), None),
        };
        let is_host = match name.strip_prefix("*.") {
            Some(domain) => host
                .len()
                .checked_sub(domain.len() + 1)
                .and_then(|at| host.get(at..))
                .and_then(|end| end.strip_prefix('.'))
                .is_some_and(|end| end.eq_ignore_ascii_case(domain)),
            None => host.eq_ignore_ascii_case(name),
        };
        // Without a port in the list, it is the scheme's own.
        is_host && told.unwrap_or(port) == only.unwrap_or(port)
    };
    if hosts.iter().any(matches) { Ok(()) } else { Err(UrlProblem::Host(host.to_owned())) }
}

/// Where a redirect leads; never from https to http.
pub(super) fn redirected(from: &Uri, location: &str) -> Result<Uri, UrlProblem> {
    let scheme = from.scheme_str().unwrap_or("http");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let target = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let to: Uri = target.parse().map_err(|_| UrlProblem::NotHttp)?;
    if scheme == "https" && to.scheme_str() != Some("https") {
        return Err(UrlProblem::Failed("a redirect from https to http".to_owned()));
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(url: &str, hosts: &[&str]) -> bool {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        url.parse().is_ok_and(|uri| is_allowed(&uri, &hosts).is_ok())
    }

    #[test]
    fn hosts_are_compared_whole_with_their_ports() {
        let hosts = ["media.example.org", "*.cdn.example.org", "local.example.org:8080", "[2001:db8::1]:81"];
        for url in [
            "http://media.example.org/a.wav",
            "https://MEDIA.example.org:443/a.wav",
            "https://a.cdn.example.org/",
            "http://local.example.org:8080/",
            "http://[2001:db8::1]:81/",
        ] {
            assert!(allowed(url, &hosts), "{url}");
        }
        for url in [
            "http://example.org/",
            "http://media.example.org.evil.test/",
            "http://evil.test#media.example.org",
            "http://media.example.org@evil.test/",
            "http://media.example.org:8080/",
            "http://cdn.example.org/",
            "http://xcdn.example.org/",
            "http://local.example.org/",
            "ftp://media.example.org/",
            "file:///etc/passwd",
            "media.example.org/a.wav",
        ] {
            assert!(!allowed(url, &hosts), "{url}");
        }
        assert!(!allowed("http://media.example.org/", &[]));
    }

    #[test]
    fn redirects_lead_where_they_say_and_never_down_to_http() {
        let from: Uri = "https://a.example:8443/x/y.wav?q=1".parse().unwrap();
        for (location, to) in [
            ("https://b.example/z", Some("https://b.example/z")),
            ("//b.example/z", Some("https://b.example/z")),
            ("/z", Some("https://a.example:8443/z")),
            ("z.wav", Some("https://a.example:8443/x/z.wav")),
            ("http://a.example/z", None),
        ] {
            let target = redirected(&from, location).ok();
            assert_eq!(target.map(|uri| uri.to_string()).as_deref(), to, "{location}");
        }
    }

    #[test]
    fn what_errors_show_has_no_secrets() {
        assert_eq!(redacted("https://u:p@h.example:1/a?token=t"), "https://h.example:1/a");
    }
}
