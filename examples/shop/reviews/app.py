"""reviews tells what customers say of an item, and what it costs."""
import json
import os
import socket
import urllib.error
import urllib.request

from flask import Flask, abort, jsonify

app = Flask(__name__)

REVIEWS = {
    "apple": [(5, "crisp"), (4, "a little sour")],
    "bread": [(5, "still warm")],
    "coffee": [(2, "too weak"), (3, "better with milk")],
}


def price(item):
    """Asks the service prices, by its name in the cluster."""
    url = os.environ.get("PRICES_URL", "http://prices") + "/prices/" + item
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["cents"]
    except urllib.error.URLError as error:
        abort(502, f"{url}: {error}")


@app.get("/reviews/<item>")
def reviews(item):
    if item not in REVIEWS:
        abort(404, "no such item")
    stars = [stars for stars, _ in REVIEWS[item]]
    average = sum(stars) / len(stars)
    cents = price(item)  # breakpoint here
    texts = [text for _, text in REVIEWS[item]]
    return jsonify(
        item=item, stars=average, texts=texts, cents=cents,
        moderation=os.environ.get("MODERATION", "none"), servedBy=socket.gethostname(),
    )


@app.get("/healthz")
def healthy():
    return jsonify(servedBy=socket.gethostname())
