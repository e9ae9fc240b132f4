"""Stands in for cart, in Python with FastAPI: answers each call with what it finds in the pod."""
import json
import os
import socket
import urllib.request

from fastapi import FastAPI

app = FastAPI()


@app.get("/cart/{customer}")
def cart(customer: str):
    with urllib.request.urlopen("http://prices/prices/bread") as answer:
        cents = json.load(answer)["cents"]
    who = socket.gethostname()  # breakpoint here
    return {"customer": customer, "servedBy": who, "currency": os.environ["CURRENCY"], "total": cents}
