const NEAR = 32;

/** Keeps the end of a scrolled element in view until the user scrolls up. */
export class Follower {
  #element;
  #button;
  #following = true;
  #top = 0;

  /** The button leads back to the end; it shows when that is out of view. */
  constructor(element, button) {
    this.#element = element;
    this.#button = button;
    element.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    button.addEventListener('click', () => this.follow());
  }

  /** From now on, the end stays in view. */
  follow() {
    this.#following = true;
    this.update();
  }

  /** The content has grown. */
  update() {
    if (this.#following) {
      this.#element.scrollTop = this.#element.scrollHeight;
    }
    this.#top = this.#element.scrollTop;
    this.#button.hidden = this.#following || this.#distance() < NEAR;
  }

  #scrolled() {
    const { scrollTop } = this.#element;
    if (this.#distance() < NEAR) {
      this.#following = true;
    } else if (scrollTop < this.#top) {
      this.#following = false;
    }
    this.#top = scrollTop;
    this.#button.hidden = this.#following;
  }

  #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    return scrollHeight - scrollTop - clientHeight;
  }
}
