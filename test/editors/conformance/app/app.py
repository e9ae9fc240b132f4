"""What the conformance scripts debug, in Python."""


def add(sum, cents):
    return sum + cents


def total(items):
    sum = 0
    for name, cents in items.items():
        sum = add(sum, cents)  # breakpoint here
    return sum


items = {"apple": 35, "bread": 220, "coffee": 800}
print("total", total(items))
