//! National clouds: each is a world of its own.

use serde_json::{Value, json};

use crate::entra::{
    CHALLENGE, VERIFIER, WEB, claims, directory, encoded, make, native, press, refusal, refused,
    sent, shown,
};
use crate::stage::{Answer, Stage};

struct Cloud {
    name: &'static str,
    login: &'static str,
    graph: &'static str,
    sharepoint: &'static str,
    domain: &'static str,
    person: &'static str,
}

const GLOBAL: Cloud = Cloud {
    name: "global",
    login: "https://login.microsoftonline.com",
    graph: "https://graph.microsoft.com",
    sharepoint: "contoso-my.sharepoint.com",
    domain: "contoso.com",
    person: "ann@contoso.com",
};
const L4: Cloud = Cloud {
    name: "usgov-l4",
    login: "https://login.microsoftonline.us",
    graph: "https://graph.microsoft.us",
    sharepoint: "contoso-my.sharepoint.us",
    domain: "contoso.us",
    person: "gwen@contoso.us",
};
const L5: Cloud = Cloud {
    name: "usgov-l5",
    login: "https://login.microsoftonline.us",
    graph: "https://dod-graph.microsoft.us",
    sharepoint: "contoso-my.sharepoint-mil.us",
    domain: "contoso-mil.us",
    person: "dan@contoso-mil.us",
};
const CHINA: Cloud = Cloud {
    name: "china",
    login: "https://login.partner.microsoftonline.cn",
    graph: "https://microsoftgraph.chinacloudapi.cn",
    sharepoint: "contoso-my.sharepoint.cn",
    domain: "contoso.cn",
    person: "chen@contoso.cn",
};
const ALL: [Cloud; 4] = [GLOBAL, L4, L5, CHINA];
const NATIONAL: [Cloud; 3] = [L4, L5, CHINA];

impl Cloud {
    async fn authorize(&self, stage: &Stage, authority: &str, more: &[(&str, &str)]) -> Answer {
        let own = [
            ("client_id", stage.ready().client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", WEB),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "1"),
        ];
        let query = encoded(&[&own, more].concat());
        stage.get(&format!("{}/{authority}/oauth2/v2.0/authorize?{query}", self.login), &[]).await
    }

    /// A code of whoever signs in without a hint.
    async fn code(&self, stage: &Stage, authority: &str, scope: &str) -> String {
        sent(&self.authorize(stage, authority, &[("scope", scope)]).await)["code"].clone()
    }

    async fn token(&self, stage: &Stage, authority: &str, more: &[(&str, &str)]) -> Answer {
        let ready = stage.ready();
        let own = [
            ("client_id", ready.client_id.as_str()),
            ("client_secret", ready.client_secret.as_str()),
        ];
        let url = format!("{}/{authority}/oauth2/v2.0/token", self.login);
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        stage.send("POST", &url, &kind, &encoded(&[&own, more].concat())).await
    }

    async fn redeem(&self, stage: &Stage, authority: &str, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("redirect_uri", WEB),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.token(stage, authority, &fields).await
    }

    /// Signs in as an application.
    async fn by_itself(&self, stage: &Stage, scope: &str) -> Answer {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        self.token(stage, self.domain, &fields).await
    }

    /// Asks Graph, below its version.
    async fn graph(&self, stage: &Stage, token: &Value, path: &str) -> Answer {
        let bearer = format!("Bearer {}", token.as_str().unwrap());
        stage.get(&format!("{}/v1.0{path}", self.graph), &[("authorization", &bearer)]).await
    }

    /// A token of the cloud's person, by the control API.
    async fn minted(&self, stage: &Stage) -> Value {
        make(stage, "/tokens", json!({ "user": self.person })).await["access_token"].clone()
    }

    async fn configuration(&self, stage: &Stage, authority: &str) -> Answer {
        let path = "v2.0/.well-known/openid-configuration";
        stage.get(&format!("{}/{authority}/{path}", self.login), &[]).await
    }

    async fn device_code(&self, stage: &Stage, client: &str) -> Value {
        let url = format!("{}/common/oauth2/v2.0/devicecode", self.login);
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let form = encoded(&[("client_id", client), ("scope", "Files.Read")]);
        stage.send("POST", &url, &kind, &form).await.json()
    }

    async fn poll(&self, stage: &Stage, client: &str, begun: &Value) -> Answer {
        let form = encoded(&[
            ("client_id", client),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", begun["device_code"].as_str().unwrap()),
        ]);
        let url = format!("{}/common/oauth2/v2.0/token", self.login);
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        stage.send("POST", &url, &kind, &form).await
    }
}

/// The status and code of an error of Graph.
fn error(answer: &Answer) -> (u16, String) {
    let (status, code, _) = answer.error();
    (status, code)
}

fn invalid_token() -> (u16, String) {
    (401, "InvalidAuthenticationToken".to_owned())
}

/// Section 7.1.
#[tokio::test]
async fn the_documents_of_a_directory_name_the_endpoints_of_its_cloud() {
    let stage = Stage::business(&[]).await;
    for (cloud, instance) in ALL.iter().zip([
        "microsoftonline.com",
        "microsoftonline.us",
        "microsoftonline.us",
        "partner.microsoftonline.cn",
    ]) {
        let tenant = directory(&stage, cloud.domain).await;
        let document = cloud.configuration(&stage, cloud.domain).await.json();
        let base = format!("{}/{tenant}", cloud.login);
        for (name, path) in [
            ("issuer", "v2.0"),
            ("authorization_endpoint", "oauth2/v2.0/authorize"),
            ("token_endpoint", "oauth2/v2.0/token"),
            ("device_authorization_endpoint", "oauth2/v2.0/devicecode"),
            ("end_session_endpoint", "oauth2/v2.0/logout"),
            ("jwks_uri", "discovery/v2.0/keys"),
        ] {
            assert_eq!(document[name], format!("{base}/{path}"), "{name}");
        }
        assert_eq!(document["cloud_instance_name"], instance);
        assert_eq!(document["msgraph_host"], cloud.graph.strip_prefix("https://").unwrap());
        let keys = stage.get(document["jwks_uri"].as_str().unwrap(), &[]).await.json();
        assert_eq!(keys["keys"][0]["issuer"], document["issuer"]);
    }
}

/// Section 7.1.
#[tokio::test]
async fn older_login_hosts_are_aliases_and_instance_discovery_names_them() {
    let stage = Stage::business(&[]).await;
    for (alias, network, domain) in [
        ("login.windows.net", "login.microsoftonline.com", "contoso.com"),
        ("login.usgovcloudapi.net", "login.microsoftonline.us", "contoso.us"),
        ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn", "contoso.cn"),
    ] {
        let url = format!("https://{alias}/{domain}/v2.0/.well-known/openid-configuration");
        let document = stage.get(&url, &[]).await.json();
        let endpoint = document["token_endpoint"].as_str().unwrap();
        assert!(endpoint.starts_with(&format!("https://{network}/")), "{endpoint}");
        let url = format!(
            "{}/common/discovery/instance?api-version=1.1&authorization_endpoint=https://{alias}/x",
            GLOBAL.login
        );
        let document = stage.get(&url, &[]).await.json();
        let lines = document["metadata"].as_array().unwrap();
        let line = lines.iter().find(|it| it["preferred_network"] == network).unwrap();
        assert!(line["aliases"].as_array().unwrap().contains(&json!(alias)));
    }
}

/// Section 7.5: 90002.
#[tokio::test]
async fn a_directory_is_unknown_at_the_login_hosts_of_other_clouds() {
    let stage = Stage::business(&[]).await;
    for here in &ALL {
        for there in ALL.iter().filter(|there| there.login != here.login) {
            let tenant = directory(&stage, there.domain).await;
            for name in [there.domain, tenant.as_str()] {
                let answer = here.configuration(&stage, name).await;
                assert_eq!(refusal(&answer), refused(400, 90_002, "invalid_tenant"), "{name}");
                let fields = [("grant_type", "client_credentials"), ("scope", "x/.default")];
                let answer = here.token(&stage, name, &fields).await;
                assert_eq!(refusal(&answer), refused(400, 90_002, "invalid_request"), "{name}");
                let answer = here.authorize(&stage, name, &[("scope", "openid")]).await;
                assert_eq!(shown(&answer), 90_002, "{name}");
            }
        }
    }
}

/// Section 7.1: personal accounts are in the global cloud only.
#[tokio::test]
async fn national_clouds_have_no_personal_accounts() {
    let stage = Stage::business(&[]).await;
    for cloud in &NATIONAL {
        for name in ["consumers", "9188040d-6c67-4c5b-b112-36a304b66dad", "live.com"] {
            let answer = cloud.configuration(&stage, name).await;
            assert_eq!(refusal(&answer), refused(400, 90_002, "invalid_tenant"), "{name}");
        }
        let hint = [("scope", "openid"), ("login_hint", "ann.example@outlook.com")];
        assert_eq!(shown(&cloud.authorize(&stage, "common", &hint).await), 50_034);
    }
}

/// Section 7.1: `common` and `organizations` are the directories of the cloud.
#[tokio::test]
async fn people_of_other_clouds_do_not_exist_at_a_login_host() {
    let stage = Stage::business(&[]).await;
    for (here, stranger) in [(&L4, &GLOBAL), (&CHINA, &L4), (&GLOBAL, &L5), (&L5, &CHINA)] {
        for authority in ["common", "organizations"] {
            let hint = [("scope", "openid"), ("login_hint", stranger.person)];
            let answer = here.authorize(&stage, authority, &hint).await;
            assert_eq!(shown(&answer), 50_034, "{} at {}", stranger.person, here.name);
        }
        let url = format!("{}/common/GetCredentialType", here.login);
        let asked = json!({ "username": stranger.person }).to_string();
        assert_eq!(stage.send("POST", &url, &[], &asked).await.json()["IfExistsResult"], 1);
    }
}

/// Sections 7.2, 7.3, 7.6, 8.
#[tokio::test]
async fn a_person_signs_in_and_reaches_the_graph_of_the_cloud() {
    let stage = Stage::business(&[]).await;
    for cloud in &NATIONAL {
        let tenant = directory(&stage, cloud.domain).await;
        let scope = format!("{}/Files.Read User.Read offline_access openid", cloud.graph);
        let code = cloud.code(&stage, cloud.domain, &scope).await;
        let body = cloud.redeem(&stage, cloud.domain, &code).await.json();
        assert!(body["scope"].as_str().unwrap().contains(&format!("{}/Files.Read", cloud.graph)));
        let id_token = claims(&body["id_token"]);
        assert_eq!(id_token["iss"], format!("{}/{tenant}/v2.0", cloud.login));
        assert_eq!(id_token["preferred_username"], cloud.person);
        assert_eq!(claims(&body["access_token"])["aud"], cloud.graph);
        let me = cloud.graph(&stage, &body["access_token"], "/me").await.json();
        assert_eq!(me["userPrincipalName"], cloud.person);
        let refresh = body["refresh_token"].as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let renewed = cloud.token(&stage, "common", &fields).await.json();
        assert_eq!(claims(&renewed["access_token"])["aud"], cloud.graph);
    }
}

/// Section 7.6.
#[tokio::test]
async fn the_issuer_of_access_tokens_follows_the_cloud() {
    let stage = Stage::business(&[]).await;
    for (cloud, sts) in [
        (&L4, "https://sts.windows.net"),
        (&L5, "https://sts.windows.net"),
        (&CHINA, "https://sts.chinacloudapi.cn"),
    ] {
        let tenant = directory(&stage, cloud.domain).await;
        let claims = claims(&cloud.minted(&stage).await);
        assert_eq!(claims["iss"], format!("{sts}/{tenant}/"));
    }
}

/// Section 7.3: applications by themselves.
#[tokio::test]
async fn an_application_reaches_the_drives_of_its_cloud_by_itself() {
    let stage = Stage::business(&[]).await;
    for cloud in &NATIONAL {
        let body = cloud.by_itself(&stage, &format!("{}/.default", cloud.graph)).await.json();
        let path = format!("/users/{}/drive/root", cloud.person);
        let answer = cloud.graph(&stage, &body["access_token"], &path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// Section 7.6: as for any wrong audience.
#[tokio::test]
async fn a_token_is_good_at_the_graph_of_its_cloud_only() {
    let stage = Stage::business(&[]).await;
    for of in &ALL {
        let token = of.minted(&stage).await;
        for at in &ALL {
            let answer = at.graph(&stage, &token, "/me").await;
            if of.name == at.name {
                assert_eq!(answer.status, 200, "{}", of.name);
            } else {
                assert_eq!(error(&answer), invalid_token(), "{} at {}", of.name, at.name);
            }
        }
    }
    let personal = json!({ "user": "ann.example@outlook.com" });
    let token = make(&stage, "/tokens", personal).await["access_token"].clone();
    assert_eq!(error(&L4.graph(&stage, &token, "/me").await), invalid_token());
}

/// Section 7.7.
#[tokio::test]
async fn a_challenge_names_the_login_host_of_the_cloud() {
    let stage = Stage::business(&[]).await;
    for cloud in &ALL {
        let answer = stage.get(&format!("{}/v1.0/me", cloud.graph), &[]).await;
        let uri = format!("authorization_uri=\"{}/common/oauth2/authorize\"", cloud.login);
        assert!(answer.header("www-authenticate").contains(&uri));
    }
}

/// Section 7.5.
#[tokio::test]
async fn an_error_leads_to_the_login_host_of_the_cloud() {
    let stage = Stage::business(&[]).await;
    for cloud in &ALL {
        let body = cloud.token(&stage, "nobody.test", &[]).await.json();
        assert!(body["error_uri"].as_str().unwrap().starts_with(cloud.login));
    }
}

/// Section 7.1: both clouds of the US government sign in at one host.
#[tokio::test]
async fn at_the_shared_login_host_the_scope_decides_the_audience() {
    let stage = Stage::business(&[]).await;
    for (cloud, scope, audience) in [
        (&L4, "https://graph.microsoft.us/.default", L4.graph),
        (&L5, "https://dod-graph.microsoft.us/.default", L5.graph),
        (&L5, "https://graph.microsoft.us/.default", L4.graph),
        (&L4, "00000003-0000-0000-c000-000000000000/.default", L4.graph),
        (&L5, "00000003-0000-0000-c000-000000000000/.default", L5.graph),
    ] {
        let body = cloud.by_itself(&stage, scope).await.json();
        assert_eq!(claims(&body["access_token"])["aud"], audience, "{} {scope}", cloud.name);
    }
}

#[tokio::test]
async fn a_token_for_the_graph_of_the_sister_cloud_opens_neither() {
    let stage = Stage::business(&[]).await;
    let body = L5.by_itself(&stage, "https://graph.microsoft.us/.default").await.json();
    let path = format!("/users/{}/drive/root", L5.person);
    for cloud in [&L4, &L5] {
        let answer = cloud.graph(&stage, &body["access_token"], &path).await;
        assert_eq!(error(&answer), invalid_token(), "{}", cloud.name);
    }
}

/// Section 7.3: bare names mean Graph.
#[tokio::test]
async fn bare_scopes_mean_the_graph_of_the_persons_cloud() {
    let stage = Stage::business(&[]).await;
    for cloud in &ALL {
        let code = cloud.code(&stage, cloud.domain, "Files.Read").await;
        let body = cloud.redeem(&stage, cloud.domain, &code).await.json();
        assert_eq!(claims(&body["access_token"])["aud"], cloud.graph);
    }
}

/// Section 7.2: whoever signs in without a hint is of the cloud whose Graph is asked for.
#[tokio::test]
async fn common_signs_in_a_person_of_the_cloud_that_the_scope_names() {
    let stage = Stage::business(&[]).await;
    for cloud in &ALL {
        let scope = format!("openid {}/Files.Read", cloud.graph);
        let code = cloud.code(&stage, "common", &scope).await;
        let body = cloud.redeem(&stage, "common", &code).await.json();
        assert_eq!(claims(&body["id_token"])["preferred_username"], cloud.person);
    }
}

/// Section 7.5: 500011.
#[tokio::test]
async fn the_graph_of_another_cloud_is_no_resource() {
    let stage = Stage::business(&[]).await;
    for here in &ALL {
        for there in ALL.iter().filter(|there| there.login != here.login) {
            let scope = format!("{}/.default", there.graph);
            let answer = here.by_itself(&stage, &scope).await;
            assert_eq!(refusal(&answer), refused(400, 500_011, "invalid_resource"), "{scope}");
        }
    }
}

/// Section 7.5: 70000 and 50173, as for any text that was never issued.
#[tokio::test]
async fn codes_and_refresh_tokens_are_unknown_in_other_clouds() {
    let stage = Stage::business(&[]).await;
    let code = L4.code(&stage, "common", "Files.Read offline_access").await;
    let answer = CHINA.redeem(&stage, "common", &code).await;
    assert_eq!(refusal(&answer), refused(400, 70_000, "invalid_grant"));
    let body = L4.redeem(&stage, "common", &code).await.json();
    let refresh = body["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let answer = GLOBAL.token(&stage, "common", &fields).await;
    assert_eq!(refusal(&answer), refused(400, 50_173, "invalid_grant"));
    assert_eq!(L4.token(&stage, "common", &fields).await.status, 200);
}

/// Sections 1.4, 1.7, 2, 3.1.
#[tokio::test]
async fn every_address_in_an_answer_is_of_the_cloud() {
    let stage = Stage::business(&[]).await;
    for cloud in &NATIONAL {
        let files = json!([{ "op": "write", "path": "a.csv", "text": cloud.name },
            { "op": "write", "path": "b.csv", "text": "" }]);
        stage.edit(cloud.person, files).await;
        let token = cloud.minted(&stage).await;
        let page = cloud.graph(&stage, &token, "/me/drive/root/children?$top=1").await.json();
        let starts = |text: &Value, with: &str| {
            let text = text.as_str().unwrap();
            assert!(text.starts_with(with), "{text} does not start with {with}");
        };
        let graph = format!("{}/v1.0/", cloud.graph);
        let sharepoint = format!("https://{}/personal/", cloud.sharepoint);
        starts(&page["@odata.context"], &graph);
        starts(&page["@odata.nextLink"], &graph);
        let row = &page["value"][0];
        starts(&row["webUrl"], &sharepoint);
        starts(&row["@microsoft.graph.downloadUrl"], &sharepoint);
        let content = stage.get(row["@microsoft.graph.downloadUrl"].as_str().unwrap(), &[]).await;
        assert_eq!(content.text(), cloud.name);
        let next = page["@odata.nextLink"].as_str().unwrap().strip_prefix(&graph).unwrap();
        let next = cloud.graph(&stage, &token, &format!("/{next}")).await.json();
        assert_eq!(next["value"][0]["name"], "b.csv");
        let delta = cloud.graph(&stage, &token, "/me/drive/root/delta").await.json();
        starts(&delta["@odata.deltaLink"], &graph);
    }
}

/// Section 7.3.
#[tokio::test]
async fn the_page_for_device_codes_follows_the_cloud() {
    let stage = Stage::business(&[]).await;
    let client = native(&stage).await;
    for (cloud, short) in [
        (&GLOBAL, "https://microsoft.com/devicelogin"),
        (&L4, "https://microsoft.com/deviceloginus"),
        (&CHINA, "https://microsoft.com/deviceloginchina"),
    ] {
        let begun = cloud.device_code(&stage, &client).await;
        assert_eq!(begun["verification_uri"], short);
        let page = stage.get(short, &[]).await.header("location").to_owned();
        assert_eq!(page, format!("{}/common/oauth2/deviceauth", cloud.login));
    }
    assert_eq!(stage.get("https://microsoft.com/devicelogins", &[]).await.status, 404);
}

/// Section 7.5: 70018.
#[tokio::test]
async fn a_device_code_is_unknown_in_other_clouds() {
    let stage = Stage::business(&[]).await;
    let client = native(&stage).await;
    let begun = L4.device_code(&stage, &client).await;
    let page = stage.get(&format!("{}/common/oauth2/deviceauth", GLOBAL.login), &[]).await;
    let filled = [("otc", begun["user_code"].as_str().unwrap())];
    assert_eq!(shown(&press(&stage, &page, "accept", &filled).await), 70_018);
    let answer = CHINA.poll(&stage, &client, &begun).await;
    assert_eq!(refusal(&answer), refused(400, 70_018, "bad_verification_code"));
    let path = format!("/device-codes/{}", begun["user_code"].as_str().unwrap());
    make(&stage, &path, json!({ "user": L4.person })).await;
    assert_eq!(L4.poll(&stage, &client, &begun).await.status, 200);
}

/// Section 1.1, China.
#[tokio::test]
async fn china_has_no_path_relative_to_an_item_but_names_of_children() {
    let stage = Stage::business(&[]).await;
    for (cloud, relative) in [(&CHINA, 400), (&L4, 200)] {
        let file = json!([{ "op": "write", "path": "a/it's 1.csv", "text": "x" }]);
        stage.edit(cloud.person, file).await;
        let token = cloud.minted(&stage).await;
        let folder = cloud.graph(&stage, &token, "/me/drive/root:/a").await.json();
        let item = format!("/me/drive/items/{}", folder["id"].as_str().unwrap());
        let answer = cloud.graph(&stage, &token, &format!("{item}:/it's%201.csv:")).await;
        assert_eq!(answer.status, relative, "{}", cloud.name);
        if relative == 400 {
            assert_eq!(answer.error().1, "invalidRequest");
        }
        for child in ["children('it''s%201.csv')", "children('@a1')?@a1=%27it%27%27s%201.csv%27"] {
            let answer = cloud.graph(&stage, &token, &format!("{item}/{child}")).await;
            assert_eq!(answer.json()["name"], "it's 1.csv", "{child}");
        }
    }
}

#[tokio::test]
async fn the_population_tells_the_cloud_of_each_directory() {
    let stage = Stage::business(&[]).await;
    let population = stage.control("GET", "/population", "").await.json();
    for cloud in &ALL {
        let directories = population["directories"].as_array().unwrap();
        let is = |it: &&Value| it["domains"][0] == cloud.domain;
        assert_eq!(directories.iter().find(is).unwrap()["cloud"], cloud.name);
    }
}

#[tokio::test]
async fn a_directory_can_be_made_in_any_cloud() {
    let stage = Stage::business(&[]).await;
    let new = json!({ "name": "Northwind", "domains": ["northwind.cn"], "sharepoint": "northwind",
        "cloud": "china" });
    make(&stage, "/directories", new).await;
    assert_eq!(CHINA.configuration(&stage, "northwind.cn").await.status, 200);
    assert_eq!(GLOBAL.configuration(&stage, "northwind.cn").await.status, 400);
}

/// A state that was written before there were other clouds.
#[tokio::test]
async fn a_state_that_knows_no_clouds_is_of_the_global_one() {
    let stage = Stage::business(&[]).await;
    let token = stage.ready().access_token.clone();
    let crate::stage::Stage { emulator, drive, state } = stage;
    emulator.stop().await.unwrap();
    let file = state.path().join("state.json");
    let mut saved: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let old = |it: &Value| it["cloud"] == "global";
    saved["population"]["directories"].as_array_mut().unwrap().retain(old);
    forget_clouds(&mut saved);
    std::fs::write(&file, saved.to_string()).unwrap();
    let config =
        crate::stage::config(graph_emulator::Profile::Business, drive.path(), state.path());
    let emulator = graph_emulator::Emulator::start(config).await.unwrap();
    let stage = Stage { emulator, drive, state };
    assert_eq!(stage.graph_as(&token, "/me").await.status, 200);
    assert_eq!(GLOBAL.configuration(&stage, "contoso.com").await.status, 200);
}

fn forget_clouds(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("cloud");
            object.values_mut().for_each(forget_clouds);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_clouds),
        _ => {}
    }
}
