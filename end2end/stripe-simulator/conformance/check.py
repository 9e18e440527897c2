"""Drives the simulator through everything it does and holds each answer, request and event against Stripe's specification."""
import argparse
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

from specification import REMOVED, Specification

SESSION = {
    "mode": "payment",
    "client_reference_id": "purchase-1",
    "customer_email": "mira@northgate.example",
    "success_url": "http://127.0.0.1:9/done?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://127.0.0.1:9/cancel",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "83000",
    "line_items[0][price_data][product_data][name]": "20,000 credits",
    "line_items[0][price_data][product_data][description]": "They expire after a year",
    "consent_collection[terms_of_service]": "required",
    "custom_text[submit][message]": "Purchases are non-refundable.",
    "custom_text[terms_of_service_acceptance][message]": "I agree.",
    "metadata[purchase]": "purchase-1",
    "payment_intent_data[metadata][purchase]": "purchase-1",
    "payment_intent_data[description]": "20,000 credits",
    "expand[0]": "line_items",
}


SETUP = {
    "mode": "setup",
    "currency": "usd",
    "client_reference_id": "account-1",
    "success_url": "http://127.0.0.1:9/done?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://127.0.0.1:9/cancel",
    "custom_text[submit][message]": "Nothing is charged now.",
    "metadata[auto_recharge]": "account-1",
    "setup_intent_data[metadata][auto_recharge]": "account-1",
    "setup_intent_data[description]": "Card for auto-recharge",
}


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Takes webhooks and writes them down."""

    received = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Run:
    """A simulator with a webhook endpoint, and what was found out about it."""

    def __init__(self, binary, specification):
        self.specification = specification
        self.checked = 0
        self.complaints = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        hook = f"http://127.0.0.1:{self.server.server_port}/"
        command = [binary, "--addr", "127.0.0.1:0", "--webhook", hook, "--settle-by-control"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            sys.exit(f"the simulator did not start: {line}")
        self.base = line.split(" at ")[1].split()[0]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.server.shutdown()

    def judge(self, what, complaint):
        self.checked += 1
        if complaint:
            self.complaints.append(f"{what}: {complaint}")

    def request(self, method, path, body=None, content_type="application/x-www-form-urlencoded"):
        request = urllib.request.Request(self.base + path, method=method, data=body)
        request.add_header("Authorization", "Bearer sk_test_conformance")
        request.add_header("Content-Type", content_type)
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def person(self, path, form):
        """A form of the hosted page, as somebody sends it; where it leads doesn't answer."""
        try:
            urllib.request.urlopen(self.base + path, urllib.parse.urlencode(form).encode()).close()
        except urllib.error.URLError:
            pass

    def api(self, method, path, form=None, expected=200):
        """A request to the API, its answer held against the specification."""
        text = urllib.parse.urlencode(form or {})
        status, body = self.request(method, path + (f"?{text}" if method == "GET" and text else ""), text.encode() if method == "POST" else None)
        self.judge(f"{method} {path}", None if status == expected else f"status {status}, not {expected}: {body}")
        self.judge(f"answer {status} of {method} {path}", self.specification.answer_complaint(method, path, status, body))
        return body

    def control(self, path, body=None):
        status, answer = self.request("POST", f"/_control{path}", json.dumps(body or {}).encode(), "application/json")
        return status, answer


def pay_in_every_way(run):
    """Sessions in every state, with all that hangs on them."""
    create = lambda: run.api("POST", "/v1/checkout/sessions", SESSION)["id"]
    paid, declined, later, failed, expired = (create() for _ in range(5))
    run.control(f"/sessions/{paid}/pay", {"outcome": "paid"})
    run.control(f"/sessions/{declined}/pay", {"outcome": "declined"})
    for session, outcome in ((later, "succeeded"), (failed, "failed")):
        run.control(f"/sessions/{session}/pay", {"outcome": "unpaid"})
        run.api("GET", f"/v1/checkout/sessions/{session}", {"expand[0]": "payment_intent.latest_charge"})
        run.control(f"/sessions/{session}/settle", {"outcome": outcome})
    run.api("POST", f"/v1/checkout/sessions/{expired}/expire")
    run.api("POST", f"/v1/checkout/sessions/{expired}/expire", expected=400)
    return paid, declined, later, failed


def take_back(run, session):
    """Refunds, disputes and a fraud warning."""
    intent = run.api("GET", f"/v1/checkout/sessions/{session}")["payment_intent"]
    refund = run.api("POST", "/v1/refunds", {"payment_intent": intent, "amount": "100", "reason": "requested_by_customer", "metadata[why]": "test"})
    run.control(f"/refunds/{refund['id']}/fail")
    run.api("GET", f"/v1/refunds/{refund['id']}", {"expand[0]": "charge"})
    _, warning = run.control(f"/payments/{session}/fraud-warning")
    run.api("GET", f"/v1/radar/early_fraud_warnings/{warning['id']}")
    _, dispute = run.control(f"/payments/{session}/dispute", {})
    run.control(f"/disputes/{dispute['id']}/close", {"verdict": "won"})
    run.api("GET", f"/v1/disputes/{dispute['id']}")
    run.api("GET", "/v1/refunds", {"payment_intent": intent})
    run.api("GET", "/v1/disputes", {"payment_intent": intent})


def pay_off_session(run):
    """Saved payment methods, charged without their owner."""
    form = {**SESSION, "customer_creation": "always", "payment_intent_data[setup_future_usage]": "off_session"}
    for outcome in ("paid", "unpaid"):
        session = run.api("POST", "/v1/checkout/sessions", form)["id"]
        _, paid = run.control(f"/sessions/{session}/pay", {"outcome": outcome})
        customer = paid["customer"]
        methods = run.api("GET", f"/v1/customers/{customer}/payment_methods", {"limit": "3"})
        method = methods["data"][0]["id"]
        run.api("GET", f"/v1/payment_methods/{method}", {"expand[0]": "customer"})
        payment = {"amount": "5000", "currency": "usd", "customer": customer, "payment_method": method, "off_session": "true", "confirm": "true"}
        run.api("POST", "/v1/payment_intents", {**payment, "expand[0]": "latest_charge"})
        run.api("POST", f"/v1/payment_methods/{method}/detach")
        run.api("POST", "/v1/payment_intents", payment, expected=400)


def save_without_buying(run):
    """Checkout in setup mode: a card that is saved and charged, one that asks its owner, one that refuses, one that fails later."""
    for number, status in (("4242424242424242", 200), ("4000002500003155", 402), ("4000000000000341", 402), ("4000000000000002", None)):
        customer = run.api("POST", "/v1/customers", {"email": "mira@northgate.example", "metadata[account]": "account-1"})["id"]
        session = run.api("POST", "/v1/checkout/sessions", {**SETUP, "customer": customer, "expand[0]": "setup_intent"})
        card = {"email": "mira@northgate.example", "method": "card", "card": number, "expiry": "12/34", "cvc": "123"}
        run.person(f"/c/pay/{session['id']}", card)
        if number.endswith("3155"):
            run.api("GET", f"/v1/setup_intents/{session['setup_intent']['id']}")
            run.person(f"/c/pay/{session['id']}/3d-secure", {"result": "complete"})
        told = run.api("GET", f"/v1/checkout/sessions/{session['id']}", {"expand[0]": "setup_intent.payment_method"})
        if status is None:
            run.judge("a card that refuses", None if told["status"] == "open" else "was saved")
            continue
        method = told["setup_intent"]["payment_method"]["id"]
        payment = {
            "amount": "23000", "currency": "usd", "customer": customer, "payment_method": method, "off_session": "true", "confirm": "true",
            "error_on_requires_action": "true", "automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never",
            "description": "5,000 credits", "receipt_email": "mira@northgate.example", "metadata[purchase]": "purchase-2", "expand[0]": "latest_charge",
        }
        run.api("POST", "/v1/payment_intents", payment, expected=status)
        listed = run.api("GET", "/v1/payment_intents", {"customer": customer, "created[gte]": "1", "limit": "100"})
        run.api("GET", f"/v1/payment_intents/{listed['data'][0]['id']}", {"expand[0]": "latest_charge"})
    run.api("POST", "/v1/checkout/sessions", {**SETUP, "payment_intent_data[description]": "x"}, expected=400)


def retrieve_everything(run, sessions):
    """Every retrieving route, plain and expanded."""
    expand = {"expand[0]": "payment_intent.latest_charge.balance_transaction", "expand[1]": "line_items.data.price.product", "expand[2]": "payment_intent.payment_method"}
    for session in sessions:
        run.api("GET", f"/v1/checkout/sessions/{session}/line_items", {"limit": "1"})
        plain = run.api("GET", f"/v1/checkout/sessions/{session}")
        intent = run.api("GET", f"/v1/payment_intents/{plain['payment_intent']}")
        run.api("GET", f"/v1/charges/{intent['latest_charge']}")
        if intent["status"] == "succeeded":
            run.api("GET", f"/v1/checkout/sessions/{session}", expand)
    customer = run.api("POST", "/v1/customers", {"email": "a@b.test", "metadata[account]": "1"})
    run.api("GET", f"/v1/customers/{customer['id']}")
    for path in ("checkout/sessions", "payment_intents", "charges", "customers", "events"):
        run.api("GET", f"/v1/{path}", {"limit": "3", "created[gte]": "1"})
    events = run.api("GET", "/v1/events", {"types[0]": "checkout.session.completed", "delivery_success": "true"})
    run.api("GET", f"/v1/events/{events['data'][0]['id']}")


def provoke_errors(run):
    """Refusals have Stripe's shape as well."""
    run.api("GET", "/v1/checkout/sessions/cs_test_no", expected=404)
    run.api("GET", "/v1/events", {"limit": "1000"}, expected=400)
    run.api("POST", "/v1/checkout/sessions", {**SESSION, "colour": "red"}, expected=400)
    run.api("POST", "/v1/checkout/sessions", {**SESSION, "line_items[0][price_data][unit_amount]": "1"}, expected=400)


def compare_parameters(run):
    """What the specification knows is never unknown to the simulator; what it doesn't know always is."""
    known = run.specification.form_schema("POST", "/v1/checkout/sessions")["properties"]
    for name in sorted(set(known) - REMOVED):
        _, body = run.request("POST", "/v1/checkout/sessions", urllib.parse.urlencode({name: "x"}).encode())
        unknown = (body or {}).get("error", {}).get("code") == "parameter_unknown"
        run.judge(f"parameter {name}", "is unknown to the simulator" if unknown else None)


def check_requests(run):
    """The forms that were sent and accepted are forms that Stripe would accept."""
    for seen in run.request("GET", "/_control/requests")[1]:
        if seen["status"] == 200:
            complaint = run.specification.form_complaint(seen["method"], seen["path"], seen["params"])
            run.judge(f"request {seen['method']} {seen['path']}", complaint)


def check_events(run):
    """Every webhook that came is an event around a sound object."""
    idle = run.control("/idle", {"within_ms": 10_000})[1]
    run.judge("webhooks", None if idle["idle"] else "still under way after 10 s")
    kinds = {event["type"] for event in Endpoint.received}
    sessions = [f"checkout.session.{kind}" for kind in ("completed", "expired", "async_payment_succeeded", "async_payment_failed")]
    for kind in sessions + ["setup_intent.succeeded", "setup_intent.setup_failed", "payment_intent.payment_failed", "payment_method.detached"]:
        run.judge("webhooks", None if kind in kinds else f"no {kind}")
    for event in Endpoint.received:
        run.judge(f"event {event['type']}", run.specification.object_complaint(event))
        run.judge(f"object of {event['type']}", run.specification.object_complaint(event["data"]["object"]))


def check_recorded(run, folder):
    """The application's own requests; it must have opened a checkout at least once."""
    opened = 0
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        for seen in json.loads(path.read_text(encoding="utf-8")):
            complaint = run.specification.form_complaint(seen["method"], seen["path"], seen["params"])
            run.judge(f"recorded {seen['method']} {seen['path']}", complaint)
            opened += (seen["method"], seen["path"]) == ("POST", "/v1/checkout/sessions")
    run.judge("recorded requests", None if opened else f"no checkout was opened in {folder}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True, help="the stripe-simulator to check")
    parser.add_argument("--recorded", metavar="FOLDER", help="also check requests that an application made: files with GET /_control/requests, saved")
    arguments = parser.parse_args()
    run = Run(arguments.binary, Specification())
    try:
        sessions = pay_in_every_way(run)
        take_back(run, sessions[0])
        pay_off_session(run)
        save_without_buying(run)
        retrieve_everything(run, sessions)
        check_requests(run)
        check_events(run)
        provoke_errors(run)
        compare_parameters(run)
        if arguments.recorded:
            check_recorded(run, arguments.recorded)
    finally:
        run.close()
    for complaint in run.complaints:
        print(complaint)
    print(f"{run.checked} checks against Stripe's specification, {len(run.complaints)} complaints")
    sys.exit(1 if run.complaints or run.checked < 100 else 0)


if __name__ == "__main__":
    main()
